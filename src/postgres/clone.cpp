#include "postgres/clone.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/ranges.h>

#include "pg/copy_progress.hpp"
#include "pg/lsn.hpp"
#include "postgres/configuration.hpp"
#include "postgres/logins.hpp"
#include "postgres/settings_text.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;

// Options that would change what is made, or where.
constexpr std::array kOurOptions = {
    "pgdata", "D",        "format",   "F",       "wal-method", "X",    "gzip",
    "z",      "Z",        "compress", "dbname",  "d",          "host", "h",
    "port",   "p",        "username", "U",       "password",   "W",    "no-password",
    "w",      "t",        "target",   "version", "V",          "help", "write-recovery-conf",
    "R",      "progress", "P",        "xlog"};

std::string_view option_name(std::string_view option) { return option.substr(0, option.find('=')); }

bool has_option(const std::vector<std::string>& options, std::string_view name, std::string_view short_name) {
  return std::ranges::any_of(options, [&](std::string_view option) {
    return option_name(option) == name || option_name(option) == short_name;
  });
}

// "/old/space=/new/space": the tablespaces of the data that stays where it is are in use, so a copy that is
// made beside it gets new places for them.
Result<std::vector<std::string>> tablespace_mappings(const Site& site) {
  std::vector<std::string> mappings;
  const auto links = system::names_in(site.directory.file("pg_tblspc"));
  if (!links) return mappings;
  for (const auto& name : *links) {
    std::error_code failed;
    const auto place =
        std::filesystem::read_symlink(site.directory.file("pg_tblspc/" + name), failed).string();
    if (failed || place.empty()) continue;
    auto fresh = place.substr(0, place.rfind(".clone.")) + ".clone.";
    for (int number = 1;; ++number)
      if (!system::exists(fresh + std::to_string(number))) {
        fresh += std::to_string(number);
        break;
      }
    mappings.push_back(place + "=" + fresh);
  }
  return mappings;
}

std::vector<std::string> arguments_for(const Site& site, const pg::Conninfo& login, const std::string& target,
                                       const std::vector<std::string>& mappings) {
  const auto& options = site.config.postgresql.basebackup_options;
  std::vector<std::string> arguments = {"--pgdata=" + target, "--wal-method=stream", "--progress",
                                        "--no-password", "--dbname=" + pg::to_string(login)};
  if (!has_option(options, "checkpoint", "c")) arguments.emplace_back("--checkpoint=fast");
  for (const auto& mapping : mappings) arguments.push_back("--tablespace-mapping=" + mapping);
  for (const auto& option : options) {
    if (std::ranges::find(kOurOptions, option_name(option)) != kOurOptions.end())
      telemetry::warning("postgresql.basebackup: option {} is set by Holdfast and ignored", option);
    else
      arguments.push_back((option_name(option).size() == 1 ? "-" : "--") + option);
  }
  return arguments;
}

std::string space_text(const std::string& path, std::uint64_t needed) {
  const auto space = system::disk_space(path);
  auto text = fmt::format("{} free", space ? pg::bytes_text(space->free) : "unknown space");
  if (needed > 0) text += fmt::format(", about {} needed", pg::bytes_text(needed));
  return text;
}

base::Error disk_full(const Site& site, const std::string& target, std::uint64_t needed) {
  auto message = fmt::format("no space left for a copy of the data in {} ({}); free some", target,
                             space_text(system::parent_of(target), needed));
  if (const auto kept = site.directory.kept_copies(); !kept.empty())
    message +=
        fmt::format(", for instance by removing what earlier clones replaced: {}", fmt::join(kept, ", "));
  return {ErrorKind::failed, std::move(message)};
}

// Follows one run of pg_basebackup.
class Copying {
 public:
  Copying(std::string source, const ports::ReportProgress& report)
      : source_(std::move(source)), report_(report) {}

  void line(std::string_view text) {
    const auto progress = pg::parse_copy_progress(text);
    if (!progress) return;
    total_ = progress->total;
    report_({.doing = "copying the data of " + source_, .share = progress->share()});
  }
  std::uint64_t total() const { return total_; }

 private:
  std::string source_;
  const ports::ReportProgress& report_;
  std::uint64_t total_ = 0;
};

Task<Result<void>> run_basebackup(Site& site, const ha::Upstream& source, std::string target,
                                  const std::vector<std::string>& mappings,
                                  const ports::ReportProgress& report) {
  const auto& user = site.config.postgresql.replication;
  auto login = member_login(source, user);
  if (!login) co_return std::unexpected(login.error());
  auto passwords =
      TemporaryFile::write(site.temporary_file("clone"), password_line(*login, user), site.directory.owner());
  if (!passwords) co_return std::unexpected(passwords.error());
  login->emplace_back("application_name", site.config.name + " cloning");
  Copying copying(source.name, report);
  report({.doing = "waiting for a checkpoint of " + source.name});
  const auto ending = co_await system::run_program(
      site.runtime,
      site.installation.tool("pg_basebackup", arguments_for(site, *login, target, mappings),
                             passwords->path()),
      base::Instant::max(), [&copying](system::Stream, std::string_view line) { copying.line(line); });
  if (!ending) co_return std::unexpected(ending.error());
  if (ending->success()) co_return Result<void>();
  if (ending->last_errors.contains("No space left on device"))
    co_return std::unexpected(disk_full(site, target, copying.total()));
  const auto said = pg::without_progress(ending->last_errors);
  const bool login_refused = said.contains("authentication failed") || said.contains("no pg_hba.conf entry");
  const bool unreachable = said.contains("connection to server") && !login_refused;
  base::Error error{login_refused ? ErrorKind::refused
                    : unreachable ? ErrorKind::unreachable
                                  : ErrorKind::failed,
                    said};
  co_return base::in("cloning " + source.name,
                     explain(std::move(error), "postgresql.authentication.replication", user.username));
}

// Files of the source's agent that mean something else here; and a copy must never start as a primary.
Result<void> make_it_ours(const std::string& copy, system::Owner owner) {
  for (const auto* name : {"holdfast.unconfirmed", kReplicationConf, kSynchronousConf, "recovery.signal"})
    if (auto removed = system::remove_file(copy + "/" + name); !removed) return removed;
  return system::write_file(copy + "/standby.signal", "", owner);
}

Task<Result<void>> clone_into_free(Site& site, const ha::Upstream& source,
                                   const ports::ReportProgress& report) {
  const auto inside = co_await site.directory.begin_filling(site.runtime);
  if (!inside) co_return std::unexpected(inside.error());
  if (auto copied = co_await run_basebackup(site, source, *inside, {}, report); !copied) {
    (void)co_await site.directory.begin_filling(site.runtime);  // gives the space back; the mark stays
    co_return copied;
  }
  if (auto ours = make_it_ours(*inside, site.directory.owner()); !ours) co_return ours;
  if (auto moved = site.directory.move_up(); !moved) co_return moved;
  co_return site.directory.finished();
}

Task<Result<void>> clone_beside(Site& site, const ha::Upstream& source, const ports::ReportProgress& report) {
  const auto mappings = tablespace_mappings(site);
  if (!mappings) co_return std::unexpected(mappings.error());
  const auto copy = co_await site.directory.begin_clone_beside(site.runtime);
  if (!copy) co_return std::unexpected(copy.error());
  if (auto copied = co_await run_basebackup(site, source, *copy, *mappings, report); !copied) {
    (void)co_await system::remove_trees(site.runtime, {*copy});
    co_return copied;
  }
  if (auto ours = make_it_ours(*copy, site.directory.owner()); !ours) co_return ours;
  if (site.postmaster.look() != ha::Process::stopped)
    co_return base::fail(ErrorKind::conflict,
                         "the server was started while its data was cloned anew; the copy is in {}", *copy);
  const auto kept = site.directory.swap_in(*copy, site.runtime.clock().wall_time());
  if (!kept) co_return std::unexpected(kept.error());
  telemetry::info("cloned {}; what was in {} before is kept as {}", source.name, site.directory.path(),
                  *kept);
  co_return site.directory.end_rewind();
}

}  // namespace

Task<Result<void>> clone_cluster(Site& site, ha::Upstream source, ports::ReportProgress report) {
  if (site.postmaster.look() != ha::Process::stopped)
    co_return base::fail(ErrorKind::conflict,
                         "PostgreSQL runs, as process {}: stop it before its data is replaced",
                         site.postmaster.pid());
  const auto found = site.directory.look();
  if (DataDirectory::is_free(found.kind)) co_return co_await clone_into_free(site, source, report);
  if (found.kind == ha::DataDirectory::valid || found.kind == ha::DataDirectory::half_rewound)
    co_return co_await clone_beside(site, source, report);
  co_return base::fail(ErrorKind::failed, "{}", found.problem);
}

}  // namespace holdfast::postgres
