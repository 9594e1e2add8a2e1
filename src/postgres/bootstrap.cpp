#include "postgres/bootstrap.hpp"

#include <algorithm>
#include <csignal>

#include "pg/quoting.hpp"
#include "postgres/logins.hpp"
#include "postgres/server_control.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using namespace std::chrono_literals;

constexpr auto kSqlTime = 30s;      // creating a role on a machine under load
constexpr auto kControlTime = 10s;  // pg_controldata reads one small file
constexpr auto kStopTime = 30s;
constexpr auto kScriptTime = 1h;  // the user's script may load a whole database

bool has_option(const patroni::BootstrapConfig& bootstrap, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(bootstrap.initdb, [&](const auto& option) {
    return std::ranges::find(names, option.name) != names.end();
  });
}

// Options that are ours to set: where, as whom, and with which password.
bool is_ours(std::string_view name) {
  for (const auto* ours : {"pgdata", "D", "username", "U", "pwfile", "pwprompt", "W", "version", "help"})
    if (name == ours) return true;
  return false;
}

std::string option_text(const patroni::InitdbOption& option) {
  const bool is_short = option.name.size() == 1;
  const auto name = (is_short ? "-" : "--") + option.name;
  if (!option.value) return name;
  return is_short ? name + *option.value : name + "=" + *option.value;
}

std::vector<std::string> initdb_arguments(const Site& site, const std::string& directory,
                                          const std::string& password_file) {
  const auto& bootstrap = site.config.bootstrap;
  std::vector<std::string> arguments = {
      "--pgdata=" + directory,
      "--username=" + superuser_name(site.config.postgresql, site.installation.user().name)};
  if (!password_file.empty()) arguments.push_back("--pwfile=" + password_file);
  if (!has_option(bootstrap, {"encoding", "E"})) arguments.emplace_back("--encoding=UTF8");
  // Without checksums pg_rewind depends on wal_log_hints, and nobody notices a rotten disk.
  if (!has_option(bootstrap, {"data-checksums", "k"})) arguments.emplace_back("--data-checksums");
  if (!has_option(bootstrap, {"auth", "A", "auth-host"}))
    arguments.emplace_back(password_file.empty() ? "--auth-host=reject" : "--auth-host=scram-sha-256");
  if (!has_option(bootstrap, {"auth", "A", "auth-local"}))
    arguments.emplace_back(password_file.empty() ? "--auth-local=peer" : "--auth-local=scram-sha-256");
  for (const auto& option : bootstrap.initdb) {
    if (is_ours(option.name))
      telemetry::warning("bootstrap.initdb: option {} is set by Holdfast and ignored", option.name);
    else
      arguments.push_back(option_text(option));
  }
  return arguments;
}

Task<Result<void>> run_initdb(Site& site, std::string directory) {
  const auto& password = site.config.postgresql.superuser.password;
  std::optional<TemporaryFile> password_file;
  if (!password.empty()) {
    auto written =
        TemporaryFile::write(site.temporary_file("initdb"), password + "\n", site.directory.owner());
    if (!written) co_return std::unexpected(written.error());
    password_file.emplace(std::move(*written));
  }
  const auto arguments = initdb_arguments(site, directory, password_file ? password_file->path() : "");
  const auto ending = co_await system::run_program(
      site.runtime, site.installation.server_command("initdb", arguments), base::Instant::max());
  if (!ending) co_return std::unexpected(ending.error());
  if (!ending->success()) co_return base::fail(ErrorKind::failed, "initdb failed: {}", ending->last_errors);
  co_return Result<void>();
}

// The password leaves this process only as a SCRAM verifier, so nothing that records statements can give it
// away. https://www.postgresql.org/docs/15/sql-createrole.html
Task<Result<void>> create_role(Connection& connection, const patroni::PostgresUser& user,
                               std::string_view attributes, base::Instant deadline) {
  std::string password;
  if (!user.password.empty()) {
    const auto verifier = connection.scram_verifier(user.username, user.password);
    if (!verifier) co_return std::unexpected(verifier.error());
    password = " PASSWORD " + pg::quote_literal(*verifier);
  }
  const auto sql =
      fmt::format("CREATE ROLE {} LOGIN {}{}", pg::quote_identifier(user.username), attributes, password);
  if (auto created = co_await connection.query(sql, deadline); !created)
    co_return base::in(fmt::format("creating user {}", user.username), created.error());
  co_return Result<void>();
}

// https://www.postgresql.org/docs/15/app-pgrewind.html#id-1.9.5.11.8; and a source must have run a checkpoint
// since it was promoted, which the rewind user may ask for as a pg_checkpoint.
Task<Result<void>> grant_rewind(Connection& connection, std::string user, base::Instant deadline) {
  const auto role = pg::quote_identifier(user);
  std::string sql = fmt::format("GRANT pg_checkpoint TO {};", role);
  for (const auto* function :
       {"pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)", "pg_read_binary_file(text)",
        "pg_read_binary_file(text, bigint, bigint, boolean)"})
    sql += fmt::format("GRANT EXECUTE ON FUNCTION pg_catalog.{} TO {};", function, role);
  if (auto granted = co_await connection.query(sql, deadline); !granted)
    co_return base::in(fmt::format("giving user {} what pg_rewind needs", user), granted.error());
  co_return Result<void>();
}

Task<Result<void>> create_users(Site& site) {
  const auto& config = site.config.postgresql;
  const auto superuser = superuser_name(config, site.installation.user().name);
  const auto deadline = site.in(kSqlTime);
  auto connection = co_await Connection::open(
      site.runtime, local_login(site.config, site.settings, site.installation.user().name), deadline);
  if (!connection)
    co_return std::unexpected(explain(connection.error(), "postgresql.authentication.superuser", superuser));
  auto quiet = co_await connection->query(
      "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = "
      "'panic';"
      "SET log_min_duration_sample = -1; SET log_transaction_sample_rate = 0",
      deadline);
  if (!quiet) co_return std::unexpected(quiet.error());
  if (config.replication.username != superuser)
    if (auto made = co_await create_role(*connection, config.replication, "REPLICATION", deadline); !made)
      co_return made;
  if (config.rewind.username.empty() || config.rewind.username == superuser) co_return Result<void>();
  if (config.rewind.username != config.replication.username)
    if (auto made = co_await create_role(*connection, config.rewind, "", deadline); !made) co_return made;
  co_return co_await grant_rewind(*connection, config.rewind.username, deadline);
}

Task<Result<void>> run_post_bootstrap(Site& site) {
  const auto& line = site.config.bootstrap.post_bootstrap;
  if (line.empty()) co_return Result<void>();
  auto words = system::shell_words(line);
  if (!words || words->empty())
    co_return base::fail(ErrorKind::invalid, "bootstrap.post_bootstrap: {}",
                         words ? "it is empty" : words.error().message);

  auto login = local_login(site.config, site.settings, site.installation.user().name);
  std::erase_if(
      login, [](const auto& entry) { return entry.first == "options" || entry.first == "application_name"; });
  const auto& superuser = site.config.postgresql.superuser;
  auto passwords = password_line(login, superuser);
  if (login.front().second.starts_with('/')) {
    auto by_default_socket = login;  // which libpq looks up under this name, and others by their directory
    by_default_socket.front().second = "localhost";
    passwords += password_line(by_default_socket, superuser);
  }
  auto password_file =
      TemporaryFile::write(site.temporary_file("post_bootstrap"), passwords, site.directory.owner());
  if (!password_file) co_return std::unexpected(password_file.error());
  words->push_back(pg::to_string(pg::redacted(login)));
  if (!words->front().contains('/')) words->insert(words->begin(), "/usr/bin/env");  // finds it in PATH
  const auto ending = co_await system::run_program(
      site.runtime, site.installation.user_command(std::move(*words), password_file->path()),
      site.in(kScriptTime));
  if (!ending) co_return base::in("bootstrap.post_bootstrap", ending.error());
  if (!ending->success())
    co_return base::fail(ErrorKind::failed, "bootstrap.post_bootstrap ('{}') ended with status {}: {}", line,
                         ending->status, ending->last_errors);
  co_return Result<void>();
}

// A cancelled bootstrap must not leave a server behind that nobody knows of.
class StopWhenAbandoned {
 public:
  explicit StopWhenAbandoned(Site& site) : site_(&site) {}
  StopWhenAbandoned(const StopWhenAbandoned&) = delete;
  StopWhenAbandoned& operator=(const StopWhenAbandoned&) = delete;
  ~StopWhenAbandoned() {
    if (site_ != nullptr) site_->postmaster.signal(SIGQUIT);
  }
  void keep() { site_ = nullptr; }

 private:
  Site* site_;
};

Task<Result<void>> start_and_set_up(Site& site, const ports::ReportProgress& report) {
  report({.doing = "starting the new cluster"});
  if (auto started = co_await start_unfinished_server(site); !started) co_return started;
  report({.doing = "creating users"});
  if (auto created = co_await create_users(site); !created) co_return created;
  if (!site.config.bootstrap.post_bootstrap.empty()) report({.doing = "running bootstrap.post_bootstrap"});
  co_return co_await run_post_bootstrap(site);
}

}  // namespace

Task<Result<ha::SystemId>> bootstrap_cluster(Site& site, ports::ReportProgress report) {
  if (site.postmaster.look() != ha::Process::stopped)
    co_return base::fail(ErrorKind::conflict, "a server runs in {} already, process {}",
                         site.directory.path(), site.postmaster.pid());
  const auto found = site.directory.look();
  if (!DataDirectory::is_free(found.kind))
    co_return base::fail(ErrorKind::conflict, "{}",
                         found.problem.empty()
                             ? fmt::format("{} holds a cluster already", site.directory.path())
                             : found.problem);
  report({.doing = "making the files of a new cluster"});
  const auto inside = co_await site.directory.begin_filling(site.runtime);
  if (!inside) co_return std::unexpected(inside.error());
  if (auto made = co_await run_initdb(site, *inside); !made) co_return std::unexpected(made.error());
  // initdb's lets nobody in from outside; without a configured one we write our own default.
  if (auto removed = system::remove_file(*inside + "/pg_hba.conf"); !removed)
    co_return std::unexpected(removed.error());
  if (auto moved = site.directory.move_up(); !moved) co_return std::unexpected(moved.error());

  StopWhenAbandoned server(site);
  auto set_up = co_await start_and_set_up(site, report);
  if (!set_up) {
    (void)co_await stop_server(site, ports::StopMode::immediate, site.in(kStopTime));
    co_return std::unexpected(set_up.error());
  }
  const auto control = co_await site.control_data(site.in(kControlTime));
  if (!control) co_return std::unexpected(control.error());
  if (auto marked = site.directory.mark_unconfirmed(); !marked) co_return std::unexpected(marked.error());
  if (auto finished = site.directory.finished(); !finished) co_return std::unexpected(finished.error());
  server.keep();
  co_return control->system_id;
}

}  // namespace holdfast::postgres
