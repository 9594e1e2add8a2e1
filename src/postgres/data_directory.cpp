#include "postgres/data_directory.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>

#include "postgres/installation.hpp"
#include "system/program.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using Kind = ha::DataDirectory;

constexpr auto kIncomplete = "holdfast.incomplete";
constexpr auto kUnconfirmed = "holdfast.unconfirmed";

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string identity(const std::string& directory) {
  struct stat found{};
  if (stat(directory.c_str(), &found) != 0) return {};
  return fmt::format("{}:{}\n", found.st_dev, found.st_ino);
}

std::string trimmed(std::string text) {
  text.erase(
      std::find_if(text.rbegin(), text.rend(), [](unsigned char c) { return !std::isspace(c); }).base(),
      text.end());
  return text;
}

// Why names beside DIR cannot be made, or cannot take its place.
std::string beside_problem(const std::string& path) {
  struct stat inside{}, above{};
  if (stat(path.c_str(), &inside) == 0 && stat(system::parent_of(path).c_str(), &above) == 0 &&
      inside.st_dev != above.st_dev)
    return fmt::format("; {} is a mount point, which cannot be renamed: let data_dir be a directory in it",
                       path);
  return {};
}

}  // namespace

DataDirectory::DataDirectory(std::string path, system::Owner owner)
    : path_(system::normal_path(path)), owner_(owner) {}

bool DataDirectory::is_free(ha::DataDirectory kind) {
  return kind == Kind::absent || kind == Kind::incomplete || kind == Kind::unconfirmed;
}

DataDirectory::Finding DataDirectory::look() const {
  const auto names = system::names_in(path_);
  if (!names && names.error().kind == ErrorKind::invalid) return {Kind::absent, {}};
  if (!names) return {Kind::unreadable, names.error().message};
  if (names->empty()) return {Kind::absent, {}};
  if (std::ranges::find(*names, kIncomplete) != names->end()) return {Kind::incomplete, {}};
  if (std::ranges::find(*names, "PG_VERSION") == names->end())
    return {Kind::foreign,
            fmt::format(
                "{} holds files ({}{}) but is no PostgreSQL cluster: it has no PG_VERSION. Empty it, or set "
                "postgresql.data_dir to another directory",
                path_, names->front(), names->size() > 1 ? ", ..." : "")};
  if (!system::exists(file("global/pg_control")))
    return {Kind::foreign,
            fmt::format(
                "{} is no whole PostgreSQL cluster: it has no global/pg_control, which a base backup writes "
                "last. Empty it, or complete it",
                path_)};
  const auto version = system::read_file(file("PG_VERSION"));
  if (!version) return {Kind::unreadable, version.error().message};
  if (const auto major = trimmed(*version); major != std::to_string(kMajor))
    return {
        Kind::other_major,
        fmt::format(
            "{} is a cluster of PostgreSQL {}, but this is for PostgreSQL {}: upgrade it with pg_upgrade, "
            "or set postgresql.data_dir to another directory",
            path_, major.empty() ? "(no version in its PG_VERSION)" : major, kMajor)};
  if (rewind_is_unfinished()) return {Kind::half_rewound, {}};
  if (std::ranges::find(*names, kUnconfirmed) != names->end()) return {Kind::unconfirmed, {}};
  return {Kind::valid, {}};
}

base::Task<base::Result<std::string>> DataDirectory::begin_filling(net::Runtime& runtime) const {
  if (!is_free(look().kind)) co_return base::fail(ErrorKind::conflict, "{} is not free to be filled", path_);
  if (auto made = system::make_directory(path_, owner_); !made) co_return std::unexpected(made.error());
  const auto inside = file(kIncomplete);
  // The mark comes first and goes last: an interrupted removal must not leave something that looks whole.
  if (auto marked = system::make_directory(inside, owner_); !marked)
    co_return std::unexpected(marked.error());
  auto left = system::names_in(path_);
  if (!left) co_return std::unexpected(left.error());
  std::erase(*left, kIncomplete);
  for (auto& name : *left) name = file(name);
  auto below = system::names_in(inside);
  if (!below) co_return std::unexpected(below.error());
  for (const auto& name : *below) left->push_back(inside + "/" + name);
  if (auto removed = co_await system::remove_trees(runtime, std::move(*left)); !removed)
    co_return std::unexpected(removed.error());
  co_return inside;
}

base::Result<void> DataDirectory::move_up() const {
  const auto inside = file(kIncomplete);
  const auto names = system::names_in(inside);
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names)
    if (auto moved = system::rename_path(inside + "/" + name, file(name)); !moved) return moved;
  return system::sync_directory(path_);
}

base::Result<void> DataDirectory::finished() const {
  if (::rmdir(file(kIncomplete).c_str()) != 0)
    return base::fail(ErrorKind::failed, "cannot remove {}: {}", file(kIncomplete), std::strerror(errno));
  return system::sync_directory(path_);
}

base::Result<void> DataDirectory::mark_unconfirmed() const {
  return system::write_file(file(kUnconfirmed), "", owner_);
}

base::Result<void> DataDirectory::confirm() const {
  if (auto removed = system::remove_file(file(kUnconfirmed)); !removed) return removed;
  return system::sync_directory(path_);
}

std::vector<std::string> DataDirectory::beside(std::string_view middle) const {
  std::vector<std::string> found;
  const auto above = system::parent_of(path_);
  const auto prefix = path_.substr(above.size() + (above.ends_with('/') ? 0 : 1)) + std::string(middle);
  for (const auto& name : system::names_in(above).value_or(std::vector<std::string>{}))
    if (name.starts_with(prefix)) found.push_back((above.ends_with('/') ? above : above + "/") + name);
  return found;
}

base::Task<base::Result<std::string>> DataDirectory::begin_clone_beside(net::Runtime& runtime) const {
  auto left = beside(".clone.");
  std::erase_if(left, [&](const auto& path) { return !all_digits(path.substr(path.rfind('.') + 1)); });
  if (auto removed = co_await system::remove_trees(runtime, std::move(left)); !removed)
    co_return std::unexpected(removed.error());
  const auto copy = path_ + ".clone.1";
  if (auto made = system::make_directory(copy, owner_); !made)
    co_return base::fail(ErrorKind::failed,
                         "a copy is made beside the data and takes its place when it is whole, but {}{}",
                         made.error().message, beside_problem(path_));
  if (const auto problem = beside_problem(path_); !problem.empty())
    co_return base::fail(ErrorKind::failed,
                         "a copy is made beside the data and takes its place when it is whole{}", problem);
  co_return copy;
}

base::Result<std::string> DataDirectory::swap_in(const std::string& copy, base::WallTime now) const {
  const auto kept =
      fmt::format("{}.before_clone.{}", path_,
                  std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  if (auto renamed = system::rename_path(path_, kept); !renamed) return std::unexpected(renamed.error());
  if (auto renamed = system::rename_path(copy, path_); !renamed) {
    (void)system::rename_path(kept, path_);
    return std::unexpected(renamed.error());
  }
  if (auto synced = system::sync_directory(system::parent_of(path_)); !synced)
    return std::unexpected(synced.error());
  return kept;
}

std::vector<std::string> DataDirectory::kept_copies() const { return beside(".before_clone."); }

bool DataDirectory::rewind_is_unfinished() const {
  const auto mark = system::read_file(path_ + ".rewinding");
  return mark && *mark == identity(path_);
}

base::Result<void> DataDirectory::begin_rewind() const {
  return system::write_file(path_ + ".rewinding", identity(path_), owner_);
}

base::Result<void> DataDirectory::end_rewind() const { return system::remove_file(path_ + ".rewinding"); }

}  // namespace holdfast::postgres
