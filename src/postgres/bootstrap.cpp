#include "postgres/bootstrap.hpp"

#include <algorithm>
#include <csignal>

#include "postgres/custom_bootstrap.hpp"
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

// Where nobody else says who may connect: our default, and the lines that the cluster is made with.
Result<void> write_first_hba(const Site& site) {
  const auto& lines = site.config.bootstrap.pg_hba;
  if (lines.empty() || !site.settings.pg_hba.empty()) return {};
  const auto path = site.config_dir() + "/pg_hba.conf";
  auto text = system::read_file(path).value_or("");
  if (text.empty())
    for (const auto& line : default_hba(
             site.config.postgresql, superuser_name(site.config.postgresql, site.installation.user().name)))
      text += line + '\n';
  for (const auto& line : lines) text += line + '\n';
  return system::write_file(path, text, site.directory.owner());
}

Task<Result<void>> run_post_bootstrap(Site& site) {
  const auto& line = site.config.bootstrap.post_bootstrap;
  if (line.empty()) co_return Result<void>();
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
  UserCommand command{.key = "bootstrap.post_bootstrap",
                      .line = line,
                      .arguments = {pg::to_string(pg::redacted(login))},
                      .password_file = password_file->path(),
                      .environment = {"PGOPTIONS=-c synchronous_commit=local -c statement_timeout=0"}};
  co_return co_await run_user_command(site, std::move(command), site.in(kScriptTime));
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

// The script comes before the users: it may make them itself, in its own way.
Task<Result<void>> start_and_set_up(Site& site, const ports::ReportProgress& report) {
  report({.doing = "starting the new cluster"});
  if (auto written = write_first_hba(site); !written) co_return written;
  if (auto started = co_await start_unfinished_server(site); !started) co_return started;
  if (!site.config.bootstrap.post_bootstrap.empty()) report({.doing = "running bootstrap.post_bootstrap"});
  if (auto done = co_await run_post_bootstrap(site); !done) co_return done;
  report({.doing = "creating users"});
  co_return co_await ensure_replication_users(site);
}

Task<Result<void>> fill_with_initdb(Site& site, const ports::ReportProgress& report) {
  report({.doing = "making the files of a new cluster"});
  const auto inside = co_await site.directory.begin_filling(site.runtime);
  if (!inside) co_return std::unexpected(inside.error());
  if (auto made = co_await run_initdb(site, *inside); !made) co_return made;
  // initdb's lets nobody in from outside; without a configured one we write our own default.
  if (auto removed = system::remove_file(*inside + "/pg_hba.conf"); !removed) co_return removed;
  co_return site.directory.move_up();
}

Task<Result<void>> make_cluster(Site& site, const ports::ReportProgress& report) {
  const auto method = site.config.bootstrap.method;
  Result<void> filled;
  if (method)
    filled = co_await fill_with_method(site, *method, report);
  else
    filled = co_await fill_with_initdb(site, report);
  if (!filled) co_return filled;
  co_return co_await start_and_set_up(site, report);
}

Result<void> finish(const Site& site) {
  if (auto marked = site.directory.mark_unconfirmed(); !marked) return marked;
  return site.config.bootstrap.method ? site.directory.filled() : site.directory.finished();
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
  StopWhenAbandoned server(site);
  if (auto made = co_await make_cluster(site, report); !made) {
    (void)co_await stop_server(site, ports::StopMode::immediate, site.in(kStopTime));
    if (site.config.bootstrap.method) (void)co_await site.directory.give_up_filling(site.runtime);
    co_return std::unexpected(made.error());
  }
  const auto control = co_await site.control_data(site.in(kControlTime));
  if (!control) co_return std::unexpected(control.error());
  if (auto finished = finish(site); !finished) co_return std::unexpected(finished.error());
  server.keep();
  co_return control->system_id;
}

}  // namespace holdfast::postgres
