#include "postgres/data_directory.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

#include "postgres/installation.hpp"
#include "system/program.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using Kind = ha::DataDirectory;

constexpr auto kIncomplete = "holdfast.incomplete";
constexpr auto kUnconfirmed = "holdfast.unconfirmed";
constexpr auto kBeingFilled = ".incomplete";  // beside
constexpr auto kNothingThere = "absent\n";

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

// As root we may make a directory where PostgreSQL's user may not.
bool may_create(const std::string& path, system::Owner owner) {
  struct stat above{};
  if (geteuid() != 0 || system::exists(path) || stat(system::parent_of(path).c_str(), &above) != 0)
    return true;
  return (above.st_uid == owner.uid && (above.st_mode & S_IWUSR) != 0) || (above.st_mode & S_IWOTH) != 0;
}

base::Task<base::Result<void>> remove_content(net::Runtime& runtime, std::string directory) {
  auto names = system::names_in(directory);
  if (!names) co_return std::unexpected(names.error());
  for (auto& name : *names) name = directory + "/" + name;
  co_return co_await system::remove_trees(runtime, std::move(*names));
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
  if (is_being_filled()) return {Kind::incomplete, {}};
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
  if (auto kept = keep_what_may_be_anybodys(runtime.clock().wall_time()); !kept)
    co_return std::unexpected(kept.error());
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
  if (auto unmarked = system::remove_file(path_ + kBeingFilled); !unmarked)  // the mark inside is enough
    co_return std::unexpected(unmarked.error());
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

bool DataDirectory::is_being_filled() const {
  const auto mark = system::read_file(path_ + kBeingFilled);
  return mark && (*mark == identity(path_) || *mark == kNothingThere);
}

// The agent was killed while a program filled DIR, and since then anybody may have put a cluster there.
base::Result<void> DataDirectory::keep_what_may_be_anybodys(base::WallTime now) const {
  const auto mark = system::read_file(path_ + kBeingFilled);
  if (!mark || *mark != kNothingThere || !system::exists(file("global/pg_control"))) return {};
  return system::rename_path(path_, name_with_time(".abandoned.", now));
}

base::Task<base::Result<void>> DataDirectory::begin_filling_by_program(net::Runtime& runtime,
                                                                       bool keep_data) const {
  const auto kind = look().kind;
  if (!keep_data && !is_free(kind))
    co_return base::fail(ErrorKind::conflict, "{} is not free to be filled", path_);
  if (!keep_data)
    if (auto kept = keep_what_may_be_anybodys(runtime.clock().wall_time()); !kept) co_return kept;
  const bool leftovers = kind != Kind::absent && !keep_data && system::exists(path_);
  if (leftovers) {
    if (auto marked = system::write_file(path_ + kBeingFilled, identity(path_), owner_); !marked)
      co_return marked;
    if (auto removed = co_await remove_content(runtime, path_); !removed) co_return removed;
    (void)::rmdir(path_.c_str());  // fails where it is a mount point: then it stays, empty
  }
  if (const auto above = system::parent_of(path_); !system::exists(above))
    if (auto made = system::make_directory(above, owner_); !made) co_return made;
  if (!may_create(path_, owner_))
    if (auto made = system::make_directory(path_, owner_); !made) co_return made;
  co_return mark_being_filled();
}

base::Result<void> DataDirectory::mark_being_filled() const {
  const auto here = identity(path_);
  return system::write_file(path_ + kBeingFilled, here.empty() ? kNothingThere : here, owner_);
}

base::Result<void> DataDirectory::check_filled() const {
  for (const auto* name : {"PG_VERSION", "global/pg_control"})
    if (!system::exists(file(name)))
      return base::fail(ErrorKind::failed, "it left no whole PostgreSQL cluster in {}: there is no {}", path_,
                        name);
  const auto version = system::read_file(file("PG_VERSION"));
  if (!version) return std::unexpected(version.error());
  if (trimmed(*version) != std::to_string(kMajor))
    return base::fail(ErrorKind::failed,
                      "it left a cluster of PostgreSQL {} in {}; this is for PostgreSQL {}",
                      trimmed(*version), path_, kMajor);
  return {};
}

base::Result<void> DataDirectory::remove_foreign_state() const {
  // A file called promote would end recovery at once. The pid file is of a server elsewhere, or long ago.
  for (const auto* name :
       {"promote", "postmaster.pid", kUnconfirmed, "holdfast.replication.conf", "holdfast.synchronous.conf"})
    if (auto removed = system::remove_file(file(name)); !removed) return removed;
  (void)::rmdir(file(kIncomplete).c_str());
  return {};
}

base::Result<void> DataDirectory::filled() const {
  if (auto removed = system::remove_file(path_ + kBeingFilled); !removed) return removed;
  return system::sync_directory(system::parent_of(path_));
}

base::Task<base::Result<void>> DataDirectory::give_up_filling(net::Runtime& runtime) const {
  if (system::exists(path_))
    if (auto removed = co_await remove_content(runtime, path_); !removed) co_return removed;
  co_return filled();
}

bool DataDirectory::has_tablespaces() const {
  const auto links = system::names_in(file("pg_tblspc"));
  return links && !links->empty();
}

base::Task<base::Result<void>> DataDirectory::discard(net::Runtime& runtime) const {
  if (auto marked = system::write_file(path_ + kBeingFilled, identity(path_), owner_); !marked)
    co_return marked;
  // https://www.postgresql.org/docs/15/storage-file-layout.html: each tablespace holds PG_15_<catalog
  // version>
  std::vector<std::string> trees;
  for (const auto& link : system::names_in(file("pg_tblspc")).value_or(std::vector<std::string>{})) {
    const auto place = file("pg_tblspc/" + link);
    for (const auto& name : system::names_in(place).value_or(std::vector<std::string>{}))
      if (name.starts_with("PG_")) trees.push_back(place + "/" + name);
  }
  if (auto removed = co_await system::remove_trees(runtime, std::move(trees)); !removed) co_return removed;
  co_return co_await remove_content(runtime, path_);
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

std::string DataDirectory::name_with_time(std::string_view middle, base::WallTime now) const {
  return fmt::format("{}{}{}", path_, middle,
                     std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

base::Result<std::string> DataDirectory::set_aside(base::WallTime now) const {
  auto kept = name_with_time(".before_clone.", now);
  if (auto renamed = system::rename_path(path_, kept); !renamed)
    return base::fail(ErrorKind::failed, "what is in {} must be kept, but {}{}", path_,
                      renamed.error().message, beside_problem(path_));
  return kept;
}

base::Result<void> DataDirectory::put_back(const std::string& kept) const {
  return system::rename_path(kept, path_);
}

base::Result<std::string> DataDirectory::swap_in(const std::string& copy, base::WallTime now) const {
  auto kept = set_aside(now);
  if (!kept) return kept;
  if (auto renamed = system::rename_path(copy, path_); !renamed) {
    (void)put_back(*kept);
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
