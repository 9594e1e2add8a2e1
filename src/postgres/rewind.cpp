#include "postgres/rewind.hpp"

#include <array>

#include "pg/copy_progress.hpp"
#include "postgres/configuration.hpp"
#include "postgres/crash_recovery.hpp"
#include "postgres/logins.hpp"
#include "postgres/settings_text.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using namespace std::chrono_literals;

constexpr auto kConnectTime = 10s;
constexpr auto kControlTime = 10s;
constexpr auto kCheckpointTime = 10min;  // of a busy primary with checkpoints spread over minutes

// What pg_rewind says before it gives up for good (src/bin/pg_rewind). Anything else may go away by itself.
constexpr std::array kImpossible = {
    "target server needs to use either data checksums or",
    "could not find common ancestor",
    "could not find previous WAL record",
    "source and target clusters are from different systems",
    "clusters are not compatible with this version of pg_rewind",
};

bool is_impossible(std::string_view said) {
  if (said.contains("could not open file") && said.contains("pg_wal"))
    return true;  // WAL that is gone already
  for (const auto* text : kImpossible)
    if (said.contains(text)) return true;
  return false;
}

// pg_rewind looks for the timeline in its source's pg_control, which shows a new one only after the first
// checkpoint that follows the promotion. https://www.postgresql.org/docs/15/app-pgrewind.html
Task<Result<void>> let_source_checkpoint(Site& site, const ha::Upstream& source) {
  const auto& user = rewind_user(site.config.postgresql);
  auto login = member_login(source, user);
  if (!login) co_return std::unexpected(login.error());
  login->emplace_back("dbname", site.config.postgresql.database);
  login->emplace_back("application_name", site.config.name + " rewinding");
  login->emplace_back("options", "-c search_path=pg_catalog");
  auto connection =
      co_await Connection::open(site.runtime, with_password(std::move(*login), user), site.in(kConnectTime));
  if (!connection)
    co_return std::unexpected(
        explain(connection.error(), rewind_user_key(site.config.postgresql), user.username));
  const auto rows = co_await connection->query(
      "SELECT r, CASE WHEN NOT r THEN timeline_id ="
      " ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END"
      "  FROM pg_control_checkpoint(), (SELECT pg_is_in_recovery() AS r OFFSET 0) AS me",
      site.in(kConnectTime));
  if (!rows) co_return std::unexpected(rows.error());
  if (rows->front().is_true(0, 0))
    co_return base::fail(ErrorKind::unreachable, "{} is not promoted yet", source.name);
  if (rows->front().is_true(0, 1)) co_return Result<void>();
  // Not all rewind users may: one made by Patroni may not. The leader's own checkpoint comes soon, then.
  const auto done = co_await connection->query("CHECKPOINT", site.in(kCheckpointTime));
  if (!done)
    co_return base::fail(ErrorKind::unreachable, "{} has made no checkpoint since it was promoted: {}",
                         source.name, done.error().message);
  co_return Result<void>();
}

// As pg_rewind itself asks for it, wherever it is set.
Task<bool> can_restore_wal(Site& site) {
  const auto ending = co_await system::run_program(
      site.runtime,
      site.installation.tool("postgres", {"-D", site.directory.path(), "-C", "restore_command",
                                          "--config-file=" + site.config_dir() + "/" + site.main_conf()}),
      site.in(kControlTime));
  co_return ending && ending->success() && ending->last_output.find_first_not_of(" \n") != std::string::npos;
}

std::vector<std::string> arguments_for(const Site& site, const pg::Conninfo& login, bool restore_wal) {
  std::vector<std::string> arguments = {"--target-pgdata=" + site.directory.path(),
                                        "--source-server=" + pg::to_string(login), "--progress",
                                        "--config-file=" + site.config_dir() + "/" + site.main_conf()};
  if (restore_wal) arguments.emplace_back("--restore-target-wal");
  return arguments;
}

struct RewindRun {
  bool success = false;
  bool changed_files = false;
  std::string said;
};

Task<Result<RewindRun>> run_pg_rewind(Site& site, const ha::Upstream& source,
                                      const ports::ReportProgress& report) {
  const auto& user = rewind_user(site.config.postgresql);
  auto login = member_login(source, user);
  if (!login) co_return std::unexpected(login.error());
  login->emplace_back("dbname", site.config.postgresql.database);
  login->emplace_back("target_session_attrs", "read-write");
  auto passwords = TemporaryFile::write(site.temporary_file("rewind"), password_line(*login, user),
                                        site.directory.owner());
  if (!passwords) co_return std::unexpected(passwords.error());
  const bool restore_wal = co_await can_restore_wal(site);
  RewindRun run;
  const auto on_line = [&](system::Stream, std::string_view line) {
    if (const auto progress = pg::parse_copy_progress(line))
      report({.doing = "rewinding to " + source.name, .share = progress->share()});
    else
      telemetry::debug("{}", line);
    // Printed when it knows what to do, before it does the first of it (src/bin/pg_rewind/pg_rewind.c).
    if (line.contains("need to copy")) run.changed_files = true;
  };
  const auto ending = co_await system::run_program(
      site.runtime,
      site.installation.tool("pg_rewind", arguments_for(site, *login, restore_wal), passwords->path()),
      base::Instant::max(), on_line);
  if (!ending) co_return std::unexpected(ending.error());
  run.success = ending->success();
  run.said = pg::without_progress(ending->last_output + ending->last_errors);
  co_return run;
}

// pg_rewind wants a clean instance, and would make it one itself, but with less care for WAL. A standby
// cannot be recovered in single-user mode. A base backup that was never started has nothing that could be
// recovered.
Task<Result<void>> make_clean(Site& site, const pg::ControlData& control) {
  if (ended_cleanly(control) || system::exists(site.directory.file("backup_label"))) co_return Result<void>();
  if (auto removed = system::remove_file(site.directory.file("standby.signal")); !removed) co_return removed;
  co_return co_await recover_from_crash(site);
}

Task<Result<void>> finish(Site& site, SavedConfiguration saved) {
  const auto standby_signal = site.directory.file("standby.signal");
  for (const auto* name : {kReplicationConf, kSynchronousConf})
    if (auto removed = system::remove_file(site.config_dir() + "/" + name); !removed) co_return removed;
  if (auto removed = site.directory.confirm(); !removed) co_return removed;
  if (auto restored = co_await restore_configuration(site, std::move(saved)); !restored) co_return restored;
  // Before the mark goes: rewound data must never start as a primary.
  if (auto written = system::write_file(standby_signal, "", site.directory.owner()); !written)
    co_return written;
  co_return site.directory.end_rewind();
}

// pg_rewind ended before it changed anything.
Result<void> undo(const Site& site, bool was_standby) {
  if (was_standby)
    if (auto written = system::write_file(site.directory.file("standby.signal"), "", site.directory.owner());
        !written)
      return written;
  return site.directory.end_rewind();
}

}  // namespace

Task<Result<void>> rewind_cluster(Site& site, ha::Upstream source, ports::ReportProgress report) {
  if (site.postmaster.look() != ha::Process::stopped)
    co_return base::fail(ErrorKind::conflict, "PostgreSQL runs, as process {}: stop it before it is rewound",
                         site.postmaster.pid());
  if (const auto found = site.directory.look(); found.kind != ha::DataDirectory::valid)
    co_return base::fail(ErrorKind::refused, "{} cannot be rewound: {}", site.directory.path(),
                         found.problem.empty() ? "it is not whole" : found.problem);
  const auto control = co_await site.control_data(site.in(kControlTime));
  if (!control) co_return std::unexpected(control.error());
  if (!control->checksums && !control->wal_log_hints)
    co_return base::fail(ErrorKind::refused,
                         "{} cannot be rewound: it has neither data checksums nor wal_log_hints",
                         site.directory.path());
  report({.doing = "waiting for a checkpoint of " + source.name});
  if (auto ready = co_await let_source_checkpoint(site, source); !ready) co_return ready;
  if (auto killed = co_await site.postmaster.kill_the_rest(site.in(kControlTime)); !killed) co_return killed;
  auto saved = co_await save_configuration(site);
  const bool was_standby = site.directory.has_standby_signal();
  co_await archive_waiting_wal(site);
  if (!ended_cleanly(*control)) report({.doing = "recovering from the crash"});
  if (auto clean = co_await make_clean(site, *control); !clean) {
    (void)undo(site, was_standby);
    co_return clean;
  }
  if (auto marked = site.directory.begin_rewind(); !marked) co_return marked;

  report({.doing = "rewinding to " + source.name});
  const auto run = co_await run_pg_rewind(site, source, report);
  if (run && run->success) co_return co_await finish(site, std::move(saved));
  if (run && !run->changed_files)
    if (auto as_before = undo(site, was_standby); !as_before) co_return as_before;
  if (!run) co_return std::unexpected(run.error());
  co_return base::fail(is_impossible(run->said) ? ErrorKind::refused : ErrorKind::failed, "pg_rewind: {}",
                       run->said);
}

}  // namespace holdfast::postgres
