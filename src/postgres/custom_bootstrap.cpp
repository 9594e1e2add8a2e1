#include "postgres/custom_bootstrap.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "pg/quoting.hpp"
#include "postgres/configuration.hpp"
#include "postgres/logins.hpp"
#include "postgres/roles.hpp"
#include "postgres/server_control.hpp"
#include "postgres/settings_text.hpp"
#include "postgres/user_command.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using namespace std::chrono_literals;

constexpr auto kRestoreTime = 24h * 7;  // the largest databases take days; a stuck one must not last for ever
constexpr auto kSqlTime = 30s;
constexpr auto kStopTime = 10min;  // the shutdown checkpoint writes what recovery has read

constexpr auto kRecoverySignal = "recovery.signal";
constexpr auto kAutoConf = "postgresql.auto.conf";

// What a restored cluster is recovered by: those that a backup tool leaves in postgresql.auto.conf.
// https://www.postgresql.org/docs/15/runtime-config-wal.html#RUNTIME-CONFIG-WAL-ARCHIVE-RECOVERY
constexpr std::array kRecoverySettings = {
    "restore_command",        "archive_cleanup_command",  "recovery_end_command",     "recovery_target",
    "recovery_target_name",   "recovery_target_time",     "recovery_target_xid",      "recovery_target_lsn",
    "recovery_target_action", "recovery_target_timeline", "recovery_target_inclusive"};

bool is_recovery_setting(std::string_view line) {
  for (const std::string_view name : kRecoverySettings)
    if (line.starts_with(name) && line.size() > name.size() &&
        (line[name.size()] == ' ' || line[name.size()] == '='))
      return true;
  return false;
}

// Lines of postgresql.auto.conf, as they are.
std::string recovery_lines(std::string_view auto_conf) {
  std::string lines;
  while (!auto_conf.empty()) {
    const auto line = auto_conf.substr(0, auto_conf.find('\n'));
    auto_conf.remove_prefix(std::min(line.size() + 1, auto_conf.size()));
    if (is_recovery_setting(line)) lines.append(line).append("\n");
  }
  return lines;
}

// https://www.postgresql.org/docs/15/recovery-config.html: names from before PostgreSQL 12 may still be there
std::string recovery_text(std::map<std::string, std::string> settings) {
  settings.erase("standby_mode");
  // Nobody could resume a paused recovery: the server takes no connections meanwhile.
  settings.try_emplace("recovery_target_action", "promote");
  std::string text;
  for (const auto& [name, value] : settings) {
    const auto* new_name = name == "trigger_file" ? "promote_trigger_file" : name.c_str();
    text += fmt::format("{} = {}\n", new_name, pg::quote_setting(value));
  }
  return text;
}

// How to recover, and the marks in the directory that go with it.
Result<std::string> prepare_recovery(const Site& site, const patroni::BootstrapMethod& method) {
  const auto& directory = site.directory;
  const auto auto_conf = system::read_file(directory.file(kAutoConf)).value_or("");
  if (method.keep_existing_recovery_conf && !method.recovery_conf) return recovery_lines(auto_conf);
  for (const auto* name : {"standby.signal", kRecoverySignal})
    if (auto removed = system::remove_file(directory.file(name)); !removed)
      return std::unexpected(removed.error());
  if (!auto_conf.empty()) {
    std::string kept;
    for (std::string_view left = auto_conf; !left.empty();) {
      const auto line = left.substr(0, left.find('\n'));
      left.remove_prefix(std::min(line.size() + 1, left.size()));
      if (!is_recovery_setting(line)) kept.append(line).append("\n");
    }
    if (auto written = system::write_file(directory.file(kAutoConf), kept, directory.owner()); !written)
      return std::unexpected(written.error());
  }
  if (!method.recovery_conf) return std::string();
  if (auto written = system::write_file(directory.file(kRecoverySignal), "", directory.owner()); !written)
    return std::unexpected(written.error());
  return recovery_text(*method.recovery_conf);
}

// A directory that only PostgreSQL's user can enter, for the socket of a server that trusts everybody there.
// Below /tmp because the path of a socket may have no more than 107 characters.
class PrivateDirectory {
 public:
  static Result<PrivateDirectory> make(system::Owner owner) {
    std::string path = "/tmp/holdfast-bootstrap-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
      return base::fail(ErrorKind::failed, "cannot make a directory in /tmp: {}", std::strerror(errno));
    PrivateDirectory made(std::move(path));
    if (geteuid() == 0 && ::chown(made.path().c_str(), owner.uid, owner.gid) != 0)
      return base::fail(ErrorKind::failed, "cannot give away {}: {}", made.path(), std::strerror(errno));
    return made;
  }
  PrivateDirectory(PrivateDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  ~PrivateDirectory() {
    if (path_.empty()) return;
    for (const auto& name : system::names_in(path_).value_or(std::vector<std::string>{}))
      (void)system::remove_file(path_ + "/" + name);
    ::rmdir(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

std::string private_conf_text(const Site& site, const std::string& recovery, const std::string& directory) {
  const auto setting = [](std::string_view name, std::string_view value) {
    return fmt::format("{} = {}\n", name, pg::quote_setting(value));
  };
  std::string text =
      fmt::format("include {}\n", pg::quote_setting(site.config_dir() + "/" + site.main_conf()));
  text += recovery;
  text += setting("hba_file", directory + "/pg_hba.conf");
  text += setting("listen_addresses", "");
  text += setting("unix_socket_directories", directory);
  // Recovery must not stop because the primary that the backup is of had more connections, or the like.
  text += setting("hot_standby", "off");
  return text;
}

// The superuser may have another name, and certainly has another password, than what is configured here.
Task<Result<Connection>> connect_privately(Site& site, const std::string& directory, base::Instant deadline) {
  Result<Connection> connection = base::fail(ErrorKind::failed, "there is no superuser");
  const auto& os_user = site.installation.user().name;
  for (const auto& user :
       {superuser_name(site.config.postgresql, os_user), std::string("postgres"), os_user}) {
    connection =
        co_await Connection::open(site.runtime,
                                  {{"host", directory},
                                   {"port", std::to_string(site.config.postgresql.port)},
                                   {"dbname", site.config.postgresql.database},
                                   {"user", user},
                                   {"application_name", "Holdfast"},
                                   {"options", "-c search_path=pg_catalog -c synchronous_commit=local"}},
                                  deadline);
    if (connection) break;
  }
  co_return connection;
}

Task<Result<void>> set_superuser(Site& site, std::string directory) {
  auto superuser = site.config.postgresql.superuser;
  superuser.username = superuser_name(site.config.postgresql, site.installation.user().name);
  const auto deadline = site.in(kSqlTime);
  auto connection = co_await connect_privately(site, directory, deadline);
  if (!connection) co_return base::in("connecting to the restored cluster", connection.error());
  if (auto quiet = co_await keep_out_of_logs(*connection, deadline); !quiet) co_return quiet;
  co_return co_await ensure_role(*connection, superuser, "SUPERUSER", deadline);
}

Task<Result<void>> recover(Site& site, std::string recovery, const ports::ReportProgress& report) {
  // Of the server that the backup is of; whom it followed means nothing here.
  if (auto nobody = co_await write_upstream(site, std::nullopt); !nobody) co_return nobody;
  if (auto written = co_await write_configuration(site, std::nullopt); !written) co_return written;
  auto directory = PrivateDirectory::make(site.directory.owner());
  if (!directory) co_return std::unexpected(directory.error());
  const auto owner = site.directory.owner();
  const auto conf = directory->path() + "/postgresql.conf";
  if (auto written = system::write_file(conf, private_conf_text(site, recovery, directory->path()), owner);
      !written)
    co_return written;
  if (auto written = system::write_file(directory->path() + "/pg_hba.conf", "local all all trust\n", owner);
      !written)
    co_return written;
  report({.doing = "waiting for the end of recovery"});
  if (auto up = co_await start_until_writable(site, conf); !up)
    co_return base::in("recovering what the bootstrap method left", up.error());
  if (auto set = co_await set_superuser(site, directory->path()); !set) co_return set;
  co_return co_await stop_server(site, ports::StopMode::fast, site.in(kStopTime));
}

Task<Result<void>> fill(Site& site, const patroni::BootstrapMethod& method) {
  if (auto free = co_await site.directory.begin_filling_by_program(site.runtime, false); !free)
    co_return free;
  UserCommand command{.key = "bootstrap." + method.name, .line = method.command, .arguments = {}};
  if (!method.no_params)
    command.arguments = {"--scope=" + site.config.scope, "--datadir=" + site.directory.path()};
  command.arguments.insert(command.arguments.end(), method.arguments.begin(), method.arguments.end());
  if (auto made = co_await run_user_command(site, std::move(command), site.in(kRestoreTime)); !made)
    co_return made;
  if (auto whole = site.directory.check_filled(); !whole)
    co_return base::in("bootstrap." + method.name, whole.error());
  if (auto marked = site.directory.mark_being_filled(); !marked) co_return marked;
  co_return site.directory.remove_foreign_state();
}

}  // namespace

Task<Result<void>> fill_with_method(Site& site, patroni::BootstrapMethod method,
                                    const ports::ReportProgress& report) {
  report({.doing = "making the data with bootstrap." + method.name});
  if (auto filled = co_await fill(site, method); !filled) co_return filled;
  auto recovery = prepare_recovery(site, method);
  if (!recovery) co_return std::unexpected(recovery.error());
  co_return co_await recover(site, std::move(*recovery), report);
}

}  // namespace holdfast::postgres
