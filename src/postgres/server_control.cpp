#include "postgres/server_control.hpp"

#include <csignal>

#include "postgres/configuration.hpp"
#include "postgres/server_log.hpp"
#include "postgres/settings_text.hpp"
#include "postgres/user_command.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using Status = pg::PostmasterFile::Status;
using namespace std::chrono_literals;

constexpr auto kPoll = 5ms;          // a healthy start takes some 50 ms
constexpr auto kControlTime = 10s;   // pg_controldata reads one small file
constexpr auto kLeftoverTime = 30s;  // killed processes end at once unless the kernel holds them
constexpr auto kRecoveryGrace = 2s;  // a standby that has begun recovery mostly accepts connections soon
constexpr auto kQuitTime = 200ms;    // backends that heed SIGQUIT end within milliseconds
constexpr auto kPromoteTime = 60s;   // pg_ctl's own default; longer means a stuck recovery target
constexpr auto kPromotePoll = 5ms;   // promoting takes some 20 ms
constexpr auto kQuestionTime = 2s;
constexpr auto kFenceTime = 1h;       // pre_promote; somebody may have to pull a plug
constexpr auto kBeforeStopTime = 1h;  // a pooler may be drained meanwhile

Task<Result<void>> write_signal_file(Site& site, bool wanted) {
  return site.worker.run(
      [path = site.directory.file("standby.signal"), wanted, owner = site.directory.owner()] {
        return wanted ? system::write_file(path, "", owner) : system::remove_file(path);
      });
}

// A standby keeps whom it follows when nobody says otherwise.
Task<Result<void>> prepare_role(Site& site, const ports::Postgres::StartOptions& options) {
  const bool standby = options.standby || options.upstream.has_value();
  const bool was_standby = site.directory.has_standby_signal();
  if (standby || !was_standby)
    if (auto written = co_await write_upstream(site, options.upstream); !written) co_return written;
  if (standby && !was_standby) co_return co_await write_signal_file(site, true);
  co_return Result<void>();
}

Task<Result<system::Process>> launch(Site& site, const ServerLog& log, const std::string& config_file,
                                     std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"-D", site.directory.path(), "--config-file=" + config_file});
  auto command = site.installation.server_command("postgres", std::move(arguments));
  // postmaster.pid may name a process that took the number of a dead postmaster, or a zombie: both look alive
  // to the new postmaster unless it takes them for an ancestor of its own
  // (src/backend/utils/init/miscinit.c).
  if (const auto stale = site.postmaster.stale_pid(); stale > 0)
    command.environment.push_back("PG_GRANDPARENT_PID=" + std::to_string(stale));
  co_return system::start_process(command, {.output = log.descriptor(), .errors = log.descriptor()});
}

void adopt(Site& site, system::Process process, std::string_view as_what) {
  telemetry::info("starting PostgreSQL {}, process {}", as_what, process.pid());
  site.postmaster.adopt(std::move(process));
  site.heartbeat.reconnect();
  site.commands.reconnect();
}

// Whether recovery of a standby goes on, by pg_control as the new server wrote it.
Task<bool> has_begun_recovery(Site& site) {
  const auto control = co_await site.control_data(site.in(kControlTime));
  co_return control && control->state == pg::ControlState::in_recovery;
}

// There is no deadline: crash recovery takes as long as it takes, and destroying the task stops the waiting.
enum class Wanted { primary, standby, end_of_recovery };

Task<Result<void>> wait_until_ready(Site& site, const ServerLog& log, Wanted wanted) {
  const bool standby = wanted == Wanted::standby;
  auto next_look_at_control = site.in(kRecoveryGrace);
  for (;;) {
    const auto status = site.postmaster.status();
    // In recovery without hot standby the postmaster calls itself a standby, and takes no connections.
    const bool recovering = status == Status::standby && wanted != Wanted::end_of_recovery;
    if (status == Status::ready || recovering) co_return Result<void>();
    if (!site.postmaster.alive()) {
      const auto said = log.last_lines();
      co_return base::fail(
          ErrorKind::failed, "PostgreSQL did not start: {}",
          said.empty() ? fmt::format("it ended without a word, see {}", site.server_log()) : said);
    }
    if (standby && site.now() >= next_look_at_control) {
      if (co_await has_begun_recovery(site)) co_return Result<void>();
      next_look_at_control = site.in(kRecoveryGrace);
    }
    co_await site.pause(kPoll);
  }
}

Result<void> check_directory(const Site& site) {
  const auto found = site.directory.look();
  switch (found.kind) {
    case ha::DataDirectory::valid:
    case ha::DataDirectory::unconfirmed:
      return {};
    case ha::DataDirectory::incomplete:
      return base::fail(ErrorKind::conflict, "{} is incomplete", site.directory.path());
    case ha::DataDirectory::half_rewound:
      return base::fail(ErrorKind::conflict,
                        "{} was left by a rewind that did not end and must not be started: clone it anew",
                        site.directory.path());
    default:
      return base::fail(ErrorKind::failed, "{}",
                        found.problem.empty() ? "there is no data directory" : found.problem);
  }
}

Task<Result<void>> start_as_configured(Site& site, bool standby,
                                       std::optional<pg::RecoveryMinimums> minimums) {
  if (auto written = co_await write_configuration(site, minimums); !written) co_return written;
  auto log = ServerLog::open(site.server_log(), site.directory.owner());
  if (!log) co_return std::unexpected(log.error());
  auto process = co_await launch(site, *log, site.config_dir() + "/" + site.main_conf(),
                                 command_line_settings(site.settings, minimums));
  if (!process) co_return std::unexpected(process.error());
  adopt(site, std::move(*process), standby ? "as standby" : "as primary");
  co_return co_await wait_until_ready(site, *log, standby ? Wanted::standby : Wanted::primary);
}

Task<Result<void>> start_in_any_directory(Site& site, ports::Postgres::StartOptions options) {
  if (auto killed = co_await site.postmaster.kill_the_rest(site.in(kLeftoverTime)); !killed) co_return killed;
  if (auto prepared = co_await prepare_role(site, options); !prepared) co_return prepared;
  const bool standby = site.directory.has_standby_signal();
  std::optional<pg::RecoveryMinimums> minimums;
  if (standby) {
    const auto control = co_await site.control_data(site.in(kControlTime));
    if (!control) co_return std::unexpected(control.error());
    minimums = control->minimums;
  }
  while (true) {
    auto started = co_await start_as_configured(site, standby, minimums);
    if (started || !leave_out_settings(site.settings, started.error().message)) co_return started;
  }
}

}  // namespace

Task<Result<void>> start_server(Site& site, ports::Postgres::StartOptions options) {
  if (site.postmaster.look() != ha::Process::stopped)
    co_return base::fail(ErrorKind::conflict, "PostgreSQL runs already, as process {}",
                         site.postmaster.pid());
  if (auto usable = check_directory(site); !usable) co_return usable;
  co_return co_await start_in_any_directory(site, std::move(options));
}

Task<Result<void>> start_unfinished_server(Site& site) { return start_in_any_directory(site, {}); }

Task<Result<void>> start_until_writable(Site& site, std::string config_file) {
  if (auto killed = co_await site.postmaster.kill_the_rest(site.in(kLeftoverTime)); !killed) co_return killed;
  auto log = ServerLog::open(site.server_log(), site.directory.owner());
  if (!log) co_return std::unexpected(log.error());
  auto process = co_await launch(site, *log, config_file, {});
  if (!process) co_return std::unexpected(process.error());
  adopt(site, std::move(*process), "to recover");
  co_return co_await wait_until_ready(site, *log, Wanted::end_of_recovery);
}

namespace {

// Whatever comes of it, PostgreSQL is stopped.
Task<void> run_before_stop(Site& site) {
  UserCommand command{
      .key = "postgresql.before_stop", .line = site.settings.commands.before_stop, .arguments = {}};
  // A server that is still being bootstrapped has no clients to be told.
  if (command.line.empty() || site.directory.look().kind != ha::DataDirectory::valid) co_return;
  const auto done = co_await run_user_command(site, std::move(command), site.in(kBeforeStopTime));
  if (!done) telemetry::error("{}", done.error().message);
}

}  // namespace

Task<Result<void>> stop_server(Site& site, ports::StopMode mode, base::Instant deadline) {
  const bool fast = mode == ports::StopMode::fast;
  if (site.postmaster.look() != ha::Process::stopped) {
    if (fast && site.postmaster.look() != ha::Process::stopping) {
      const auto patience = deadline - site.now();  // of the stop itself
      co_await run_before_stop(site);
      deadline = site.in(patience);
    }
    site.postmaster.tell_to_stop(fast ? SIGINT : SIGQUIT);
    const bool ended =
        co_await site.postmaster.ended_by(fast ? deadline : std::min(deadline, site.in(kQuitTime)));
    if (fast && !ended)
      co_return base::fail(ErrorKind::timed_out, "PostgreSQL, process {}, is still shutting down",
                           site.postmaster.pid());
    // The postmaster first: from then on nobody makes new backends. A backend that waits for a synchronous
    // standby and sees its postmaster dead ends without an answer (src/backend/replication/syncrep.c), or is
    // killed below.
    if (!ended) {
      site.postmaster.signal(SIGKILL);
      if (!co_await site.postmaster.ended_by(deadline))
        co_return base::fail(ErrorKind::timed_out,
                             "PostgreSQL, process {}, does not end although it was killed",
                             site.postmaster.pid());
    }
    (void)site.postmaster.look();
  }
  co_return co_await site.postmaster.kill_the_rest(std::max(deadline, site.in(kQuitTime)));
}

namespace {

enum class Recovery { goes_on, ended, unknown };

// Asks by SQL, as that is quick; by pg_control where no connection is to be had.
Task<Recovery> recovery_now(Site& site) {
  const auto rows = co_await site.commands.query("SELECT pg_is_in_recovery()", std::vector<std::string>{},
                                                 site.in(kQuestionTime));
  if (rows && rows->count() == 1) co_return rows->is_true(0, 0) ? Recovery::goes_on : Recovery::ended;
  const auto control = co_await site.control_data(site.in(kControlTime));
  if (!control) co_return Recovery::unknown;
  co_return control->state == pg::ControlState::in_production ? Recovery::ended : Recovery::goes_on;
}

}  // namespace

// As pg_ctl promote does it, without waiting for a connection slot: a file and a signal.
// https://www.postgresql.org/docs/15/warm-standby-failover.html
// Before that the user's fence: should it fail, nothing has happened.
Task<Result<void>> promote_server(Site& site) {
  UserCommand fence{
      .key = "postgresql.pre_promote", .line = site.settings.commands.pre_promote, .arguments = {}};
  if (!fence.line.empty()) {
    const auto fenced = co_await run_user_command(site, std::move(fence), site.in(kFenceTime));
    if (!fenced) co_return base::fail(ErrorKind::refused, "{}", fenced.error().message);
  }
  const auto deadline = site.in(kPromoteTime);
  if (site.postmaster.look() == ha::Process::stopped)
    co_return base::fail(ErrorKind::conflict, "PostgreSQL does not run and cannot be promoted");
  if (auto made = system::make_empty_file(site.directory.file("promote"), site.directory.owner()); !made)
    co_return made;
  if (!site.postmaster.signal(SIGUSR1))
    co_return base::fail(ErrorKind::failed, "PostgreSQL ended before it was promoted");
  while (site.now() < deadline) {
    if (co_await recovery_now(site) == Recovery::ended) co_return Result<void>();
    if (!site.postmaster.alive())
      co_return base::fail(ErrorKind::failed, "PostgreSQL ended while it was promoted, see {}",
                           site.server_log());
    co_await site.pause(kPromotePoll);
  }
  co_return base::fail(ErrorKind::timed_out,
                       "PostgreSQL is still in recovery {} after it was told to promote",
                       base::to_string(kPromoteTime));
}

}  // namespace holdfast::postgres
