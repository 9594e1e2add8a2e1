#include "postgres/running_server.hpp"

#include <csignal>

#include "postgres/configuration.hpp"
#include "postgres/logins.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using namespace std::chrono_literals;

constexpr auto kPoll = 3ms;
constexpr auto kReceiverPatience = 30ms;  // a startup process that is not busy ends its receiver within a few
constexpr auto kReceiverQuiet = 20ms;     // how long it must be gone to be gone for good
constexpr auto kReloadTime = 1s;          // after which a setting that did not change is not going to

bool is_running(Site& site) { return site.postmaster.look() == ha::Process::running; }

std::unexpected<base::Error> not_running() {
  return base::fail(ErrorKind::unreachable, "PostgreSQL does not accept connections");
}

// The pid of the WAL receiver; 0 when there is none.
Task<Result<pid_t>> receiver(Site& site, base::Instant deadline) {
  const auto rows = co_await site.commands.query(
      "SELECT pid FROM pg_stat_get_wal_receiver() WHERE pid IS NOT NULL"
      " UNION ALL SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver'",
      std::vector<std::string>{}, deadline);
  if (!rows) co_return std::unexpected(rows.error());
  co_return rows->count() == 0 ? 0 : static_cast<pid_t>(rows->number(0, 0));
}

// The startup process ends its receiver when it reads the new configuration, which it does not while it is
// busy with a conflict; then we end it. It cannot connect anew: the password file knows no upstream any more,
// and the startup process reads its configuration before it starts another one.
Task<Result<void>> end_receiver(Site& site, base::Instant deadline) {
  const auto patience = site.in(kReceiverPatience);
  std::optional<base::Instant> quiet_since;
  while (site.now() < deadline) {
    const auto pid = co_await receiver(site, deadline);
    if (!pid) co_return std::unexpected(pid.error());
    if (*pid != 0) {
      quiet_since.reset();
      if (site.now() > patience) ::kill(*pid, SIGTERM);
    } else if (!quiet_since) {
      quiet_since = site.now();
    } else if (site.now() >= *quiet_since + kReceiverQuiet) {
      co_return Result<void>();
    }
    co_await site.pause(kPoll);
  }
  co_return base::fail(ErrorKind::timed_out, "the WAL receiver has not ended yet");
}

}  // namespace

Task<Result<void>> follow_upstream(Site& site, std::optional<ha::Upstream> upstream, base::Instant deadline) {
  const bool with_nobody = !upstream;
  if (auto written = co_await write_upstream(site, std::move(upstream)); !written) co_return written;
  reload(site);
  if (!with_nobody || site.postmaster.look() == ha::Process::stopped) co_return Result<void>();
  co_return co_await end_receiver(site, deadline);
}

// A backend takes a new setting only after the postmaster has, from which new sessions get it: what our own
// session sees, a new one sees. https://www.postgresql.org/docs/15/config-setting.html
Task<Result<void>> change_synchronous_standby_names(Site& site, std::string value, base::Instant deadline) {
  if (auto written = co_await write_synchronous_standby_names(site, value); !written) co_return written;
  if (site.postmaster.look() == ha::Process::stopped) co_return Result<void>();
  reload(site);
  const auto give_up = std::min(deadline, site.in(kReloadTime));
  std::string seen;
  do {
    const auto rows = co_await site.commands.query(
        "SELECT setting, sourcefile, sourceline FROM pg_settings WHERE name = 'synchronous_standby_names'",
        std::vector<std::string>{}, deadline);
    if (!rows) co_return std::unexpected(rows.error());
    seen = rows->text(0, 0);
    if (seen == value) co_return Result<void>();
    co_await site.pause(kPoll);
  } while (site.now() < give_up);
  co_return base::fail(ErrorKind::timed_out, "synchronous_standby_names is still '{}' and not '{}'", seen,
                       value);
}

Task<Result<void>> change_settings(Site& site, patroni::PostgresSettings settings, base::Instant deadline) {
  const bool other_login =
      std::exchange(site.logins_may_differ, false) || settings.use_slots != site.settings.use_slots;
  site.settings = std::move(settings);
  const auto login = local_login(site.config, site.settings, site.installation.user().name);
  site.heartbeat.set_conninfo(login);
  site.commands.set_conninfo(login);
  const auto kind = site.directory.look().kind;
  if (kind != ha::DataDirectory::valid && kind != ha::DataDirectory::unconfirmed) co_return Result<void>();
  if (auto upstream = configured_upstream(site); other_login && upstream)
    if (auto written = co_await write_upstream(site, std::move(upstream)); !written) co_return written;
  while (true) {
    if (auto written = co_await write_configuration(site, std::nullopt); !written) co_return written;
    if (!is_running(site)) co_return Result<void>();
    const auto problems = co_await configuration_errors(site, deadline);
    if (!problems) co_return std::unexpected(problems.error());
    if (leave_out_settings(site.settings, *problems)) continue;
    reload(site);  // with errors in files that are not ours it still takes the rest
    if (problems->empty()) co_return Result<void>();
    co_return base::fail(ErrorKind::refused, "PostgreSQL does not take all of its new settings: {}",
                         *problems);
  }
}

// On a connection of its own, because it may take long.
Task<Result<void>> make_checkpoint(Site& site, base::Instant deadline) {
  if (!is_running(site)) co_return not_running();
  auto connection = co_await Connection::open(
      site.runtime, local_login(site.config, site.settings, site.installation.user().name), deadline);
  if (!connection) co_return std::unexpected(connection.error());
  const auto done = co_await connection->query("CHECKPOINT", deadline);
  if (!done) co_return base::in("checkpoint", done.error());
  co_return Result<void>();
}

}  // namespace holdfast::postgres
