#include "postgres/installation.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using namespace std::chrono_literals;

constexpr auto kDebianBinDir = "/usr/lib/postgresql/15/bin";
constexpr auto kVersionTime = 10s;  // a program on a disk that answers at all has started by then
constexpr std::array kPrograms = {"postgres",       "initdb",    "pg_basebackup",
                                  "pg_controldata", "pg_rewind", "pg_waldump"};

// libpq would take these for our own connections, and a server for its replication.
// https://www.postgresql.org/docs/15/libpq-envars.html
constexpr std::array kLibpqVariables = {"PGHOST",
                                        "PGHOSTADDR",
                                        "PGPORT",
                                        "PGDATABASE",
                                        "PGUSER",
                                        "PGPASSWORD",
                                        "PGPASSFILE",
                                        "PGSERVICE",
                                        "PGSERVICEFILE",
                                        "PGOPTIONS",
                                        "PGAPPNAME",
                                        "PGSSLMODE",
                                        "PGREQUIRESSL",
                                        "PGSSLCERT",
                                        "PGSSLKEY",
                                        "PGSSLROOTCERT",
                                        "PGSSLCRL",
                                        "PGSSLCRLDIR",
                                        "PGSSLSNI",
                                        "PGREQUIREPEER",
                                        "PGGSSENCMODE",
                                        "PGCHANNELBINDING",
                                        "PGTARGETSESSIONATTRS",
                                        "PGCONNECT_TIMEOUT",
                                        "PGCLIENTENCODING",
                                        "PGDATA",
                                        "PGSSLCOMPRESSION",
                                        "PGSSLMINPROTOCOLVERSION",
                                        "PGSSLMAXPROTOCOLVERSION"};

constexpr std::string_view kServersArenas = "PG_MALLOC_ARENA_MAX";

bool is_passed_on(std::string_view entry) {
  const auto name = entry.substr(0, entry.find('='));
  // NOTIFY_SOCKET: only the agent may tell systemd that the unit is ready. The others may hold secrets of
  // ours.
  if (name == "NOTIFY_SOCKET" || name.starts_with("PATRONI_") || name.starts_with("HOLDFAST_")) return false;
  return std::ranges::find(kLibpqVariables, name) == kLibpqVariables.end();
}

// Scripts made for Patroni may ask which cluster or node they run for. What may hold a secret stays with us.
bool is_for_user_commands(std::string_view entry) {
  const auto name = entry.substr(0, entry.find('='));
  if (!name.starts_with("PATRONI_") || name == "PATRONI_CONFIGURATION") return false;
  for (const auto* secret : {"PASSWORD", "PASSPHRASE", "TOKEN", "_URL", "PROXY"})
    if (name.contains(secret)) return false;
  return true;
}

std::string name_of(std::string_view entry) { return std::string(entry.substr(0, entry.find('='))); }

void set(std::vector<std::string>& environment, std::string_view name, std::string_view value) {
  std::erase_if(environment, [name](const auto& entry) { return name_of(entry) == name; });
  environment.push_back(std::string(name) + '=' + std::string(value));
}

std::string value_of(const std::vector<std::string>& environment, std::string_view name) {
  for (const auto& entry : environment)
    if (name_of(entry) == name) return entry.substr(name.size() + 1);
  return {};
}

using Names = std::map<std::string, std::string>;

std::string path_of(const std::string& directory, const Names& names, std::string_view program) {
  const auto other = names.find(std::string(program));
  return directory + "/" + (other == names.end() ? std::string(program) : other->second);
}

// The first program that is not there; empty: all are.
std::string first_missing(const std::string& directory, const Names& names) {
  for (const auto* program : kPrograms)
    if (const auto path = path_of(directory, names, program); access(path.c_str(), X_OK) != 0) return path;
  return {};
}

base::Result<std::string> find_bin_dir(const std::string& configured, const Names& names) {
  const auto has_all_programs = [&](const std::string& directory) {
    return first_missing(directory, names).empty();
  };
  if (!configured.empty()) {
    if (has_all_programs(configured)) return configured;
    return base::fail(
        ErrorKind::invalid,
        "postgresql.bin_dir: there is no program {}; set it to where PostgreSQL {} is installed "
        "({} with Debian's package postgresql-{})",
        first_missing(configured, names), kMajor, kDebianBinDir, kMajor);
  }
  // A directory counts only if it has all of them: distributions link a few into others.
  const char* path = std::getenv("PATH");
  std::string_view left = path == nullptr ? "" : path;
  while (!left.empty()) {
    const auto directory = std::string(left.substr(0, left.find(':')));
    left.remove_prefix(std::min(directory.size() + 1, left.size()));
    if (directory.starts_with('/') && has_all_programs(directory)) return directory;
  }
  if (has_all_programs(kDebianBinDir)) return kDebianBinDir;
  return base::fail(
      ErrorKind::invalid,
      "PostgreSQL {}'s programs are neither in PATH nor in {}: install the package postgresql-{}, or "
      "set postgresql.bin_dir to where they are",
      kMajor, kDebianBinDir, kMajor);
}

base::Result<system::OsUser> find_user(const std::string& data_dir) {
  auto current = system::current_os_user();
  if (!current || !current->is_root()) return current;
  struct stat found{};
  if (stat(data_dir.c_str(), &found) == 0 && found.st_uid != 0) return system::os_user_with_id(found.st_uid);
  auto user = system::os_user_named("postgres");
  if (!user)
    return base::fail(ErrorKind::invalid,
                      "PostgreSQL never runs as root, and {}; install the package postgresql-{}",
                      user.error().message, kMajor);
  return user;
}

}  // namespace

Installation::Installation(std::string bin_dir, Names names, system::OsUser user)
    : bin_dir_(std::move(bin_dir)), names_(std::move(names)), user_(std::move(user)) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (is_passed_on(*entry)) environment_.emplace_back(*entry);
    if (is_for_user_commands(*entry)) for_user_commands_.emplace_back(*entry);
  }
  if (geteuid() == 0) {
    set(environment_, "HOME", user_.home);
    set(environment_, "USER", user_.name);
    set(environment_, "LOGNAME", user_.name);
  }
  const auto path = value_of(environment_, "PATH");
  set(environment_, "PATH", path.empty() ? bin_dir_ + ":/usr/bin:/bin" : bin_dir_ + ":" + path);
}

base::Task<base::Result<Installation>> Installation::find(net::Runtime& runtime,
                                                          const patroni::PostgresConfig& config) {
  const auto bin_dir = find_bin_dir(config.bin_dir, config.bin_name);
  if (!bin_dir) co_return std::unexpected(bin_dir.error());
  auto user = find_user(config.data_dir);
  if (!user) co_return std::unexpected(user.error());
  if (const auto closed = system::directory_closed_to(*user, system::normal_path(config.data_dir));
      !closed.empty())
    co_return base::fail(
        ErrorKind::invalid,
        "postgresql.data_dir is {}, but user {}, as whom PostgreSQL runs, may not enter {}: choose "
        "another place, or chmod o+x {}",
        config.data_dir, user->name, closed, closed);
  Installation found(*bin_dir, config.bin_name, std::move(*user));
  const auto version = co_await system::run_program(runtime, found.tool("postgres", {"--version"}),
                                                    runtime.clock().now() + kVersionTime);
  if (!version) co_return base::in("postgresql.bin_dir", version.error());
  // "postgres (PostgreSQL) 15.4 (Debian 15.4-0+deb12u1)"
  const auto wanted = fmt::format("(PostgreSQL) {}", kMajor);
  const auto at = version->last_output.find(wanted);
  const auto next = at == std::string::npos ? '0' : version->last_output[at + wanted.size()];
  if (!version->success() || (next >= '0' && next <= '9'))
    co_return base::fail(ErrorKind::invalid,
                         "postgresql.bin_dir: {} is not PostgreSQL {} but says '{}{}'; install the package "
                         "postgresql-{} and set postgresql.bin_dir to {}",
                         found.program("postgres"), kMajor, version->last_output, version->last_errors,
                         kMajor, kDebianBinDir);
  co_return found;
}

std::string Installation::program(std::string_view name) const { return path_of(bin_dir_, names_, name); }

system::Command Installation::server_command(std::string_view name,
                                             std::vector<std::string> arguments) const {
  system::Command command{.environment = environment_, .run_as = user_};
  // PostgreSQL's programs look for each other by way of the current directory, which another user may not
  // enter.
  command.directory = "/";
  command.argv = std::move(arguments);
  command.argv.insert(command.argv.begin(), program(name));
  // A limit on the agent's memory is none on the server's; so it is in the unit that comes with Patroni.
  for (const auto& entry : environment_)
    if (name_of(entry) == kServersArenas)
      set(command.environment, "MALLOC_ARENA_MAX", value_of(environment_, kServersArenas));
  std::erase_if(command.environment, [](const auto& entry) { return name_of(entry) == kServersArenas; });
  return command;
}

system::Command Installation::tool(std::string_view name, std::vector<std::string> arguments,
                                   const std::string& password_file) const {
  auto command = server_command(name, std::move(arguments));
  set(command.environment, "LC_ALL", "C");
  if (!password_file.empty()) set(command.environment, "PGPASSFILE", password_file);
  return command;
}

system::Command Installation::user_command(std::vector<std::string> argv,
                                           const std::string& password_file) const {
  system::Command command{.argv = std::move(argv), .environment = environment_, .run_as = user_};
  command.environment.insert(command.environment.end(), for_user_commands_.begin(), for_user_commands_.end());
  if (!password_file.empty()) set(command.environment, "PGPASSFILE", password_file);
  return command;
}

}  // namespace holdfast::postgres
