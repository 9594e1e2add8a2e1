#include "postgres/clone.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/ranges.h>

#include "pg/copy_progress.hpp"
#include "pg/lsn.hpp"
#include "postgres/configuration.hpp"
#include "postgres/logins.hpp"
#include "postgres/replica_method.hpp"
#include "postgres/settings_text.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;

// Options that would change what is made, or where.
constexpr std::array kOurOptions = {
    "--pgdata",      "--format", "--wal-method", "--xlog-method", "--gzip",
    "--dbname",      "--host",   "--port",       "--username",    "--password",
    "--no-password", "--target", "--version",    "--help",        "--write-recovery-conf",
    "--progress",    "--xlog"};

std::string_view option_name(std::string_view option) { return option.substr(0, option.find('=')); }

bool has_option(const std::vector<std::string>& options, std::string_view name) {
  return std::ranges::any_of(options, [&](std::string_view option) { return option_name(option) == name; });
}

// The server may compress what it sends; what is compressed here would stay so.
bool would_not_be_a_replica(std::string_view option) {
  if (option_name(option) == "--compress") return !option.starts_with("--compress=server");
  return std::ranges::find(kOurOptions, option_name(option)) != kOurOptions.end();
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

std::vector<std::string> arguments_for(const std::vector<std::string>& options, const pg::Conninfo& login,
                                       const std::string& target, const std::vector<std::string>& mappings) {
  std::vector<std::string> arguments = {"--pgdata=" + target, "--wal-method=stream", "--progress",
                                        "--no-password", "--dbname=" + pg::to_string(login)};
  if (!has_option(options, "--checkpoint")) arguments.emplace_back("--checkpoint=fast");
  for (const auto& mapping : mappings) arguments.push_back("--tablespace-mapping=" + mapping);
  for (const auto& option : options) {
    if (would_not_be_a_replica(option))
      telemetry::warning("postgresql.basebackup: {} is ignored: the copy would be none that could start here",
                         option);
    else
      arguments.push_back(option);
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

// What is copied, and how.
struct Copy {
  ha::Upstream source;
  std::vector<std::string> options;  // of pg_basebackup
  const ports::ReportProgress& report;
};

Task<Result<void>> run_basebackup(Site& site, const Copy& copy, std::string target,
                                  const std::vector<std::string>& mappings) {
  const auto& source = copy.source;
  const auto& report = copy.report;
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
      site.installation.tool("pg_basebackup", arguments_for(copy.options, *login, target, mappings),
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

Task<Result<void>> clone_into_free(Site& site, const Copy& copy) {
  const auto inside = co_await site.directory.begin_filling(site.runtime);
  if (!inside) co_return std::unexpected(inside.error());
  if (auto copied = co_await run_basebackup(site, copy, *inside, {}); !copied) {
    (void)co_await site.directory.begin_filling(site.runtime);  // gives the space back; the mark stays
    co_return copied;
  }
  if (auto ours = make_it_a_standby(*inside, site.directory.owner()); !ours) co_return ours;
  if (auto moved = site.directory.move_up(); !moved) co_return moved;
  co_return site.directory.finished();
}

Task<Result<void>> clone_beside(Site& site, const Copy& what) {
  const auto mappings = tablespace_mappings(site);
  if (!mappings) co_return std::unexpected(mappings.error());
  const auto copy = co_await site.directory.begin_clone_beside(site.runtime);
  if (!copy) co_return std::unexpected(copy.error());
  if (auto copied = co_await run_basebackup(site, what, *copy, *mappings); !copied) {
    (void)co_await system::remove_trees(site.runtime, {*copy});
    co_return copied;
  }
  if (auto ours = make_it_a_standby(*copy, site.directory.owner()); !ours) co_return ours;
  if (site.postmaster.look() != ha::Process::stopped)
    co_return base::fail(ErrorKind::conflict,
                         "the server was started while its data was cloned anew; the copy is in {}", *copy);
  const auto kept = site.directory.swap_in(*copy, site.runtime.clock().wall_time());
  if (!kept) co_return std::unexpected(kept.error());
  telemetry::info("cloned {}; what was in {} before is kept as {}", what.source.name, site.directory.path(),
                  *kept);
  co_return site.directory.end_rewind();
}

Task<Result<void>> base_backup(Site& site, const Copy& copy) {
  const auto found = site.directory.look();
  if (DataDirectory::is_free(found.kind)) co_return co_await clone_into_free(site, copy);
  if (found.kind == ha::DataDirectory::valid || found.kind == ha::DataDirectory::half_rewound)
    co_return co_await clone_beside(site, copy);
  co_return base::fail(ErrorKind::failed, "{}", found.problem);
}

std::vector<patroni::ReplicaMethod> methods_to_try(const Site& site, const ha::Upstream& source,
                                                   bool basebackup_only) {
  if (basebackup_only)
    for (const auto& method : site.settings.commands.replica_methods)
      if (method.is_basebackup()) return {method};
  if (basebackup_only) return {{.name = std::string(patroni::kBaseBackup)}};
  auto methods = site.settings.commands.replica_methods;
  if (source.name.empty()) std::erase_if(methods, [](const auto& method) { return !method.no_leader; });
  return methods;
}

}  // namespace

Task<Result<void>> clone_cluster(Site& site, ha::Upstream source, ports::Postgres::CloneOptions options,
                                 ports::ReportProgress report) {
  if (site.postmaster.look() != ha::Process::stopped)
    co_return base::fail(ErrorKind::conflict,
                         "PostgreSQL runs, as process {}: stop it before its data is replaced",
                         site.postmaster.pid());
  const auto methods = methods_to_try(site, source, options.basebackup_only);
  if (methods.empty())
    co_return base::fail(ErrorKind::failed,
                         "no method of postgresql.create_replica_methods works without a "
                         "member to copy from (no_leader)");
  if (options.discard && site.directory.look().kind != ha::DataDirectory::absent) {
    report({.doing = "removing the data of " + site.directory.path()});
    if (auto gone = co_await site.directory.discard(site.runtime); !gone) co_return gone;
    if (auto ended = site.directory.end_rewind(); !ended) co_return ended;
  }
  Result<void> made;
  for (const auto& method : methods) {
    const Copy copy{.source = source, .options = method.arguments, .report = report};
    if (method.is_basebackup())
      made = co_await base_backup(site, copy);
    else
      made = co_await run_replica_method(site, method, source, report);
    if (made) co_return made;
    if (&method != &methods.back()) telemetry::error("{}; trying the next method", made.error().message);
  }
  co_return made;
}

}  // namespace holdfast::postgres
