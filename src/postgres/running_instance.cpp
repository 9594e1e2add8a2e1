#include "postgres/running_instance.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <libpq-fe.h>
#include <memory>

#include "pg/postmaster_file.hpp"
#include "postgres/connection.hpp"
#include "system/files.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using namespace std::chrono_literals;

constexpr auto kAnswerTime = 10s;

Result<pg::Conninfo> parse_dsn(const std::string& dsn) {
  char* problem = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(dsn.c_str(), &problem), PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> said(problem, PQfreemem);
  if (!options)
    return base::fail(ErrorKind::invalid, "--dsn: {}", said ? said.get() : "it cannot be understood");
  pg::Conninfo login;
  for (const auto* option = options.get(); option->keyword; ++option)
    if (option->val && *option->val) login.emplace_back(option->keyword, option->val);
  return login;
}

// A keyword of the DSN, or the environment variable that libpq takes in its place.
std::string given(const pg::Conninfo& login, std::string_view keyword, const char* variable) {
  for (const auto& [name, value] : login)
    if (name == keyword) return value;
  const char* value = variable ? std::getenv(variable) : nullptr;
  return value ? value : "";
}

struct LoginKey {
  const char *key, *keyword, *variable;
};
constexpr std::array kLoginKeys = {LoginKey{"username", "user", "PGUSER"},
                                   LoginKey{"password", "password", "PGPASSWORD"},
                                   LoginKey{"sslmode", "sslmode", "PGSSLMODE"},
                                   LoginKey{"sslcert", "sslcert", "PGSSLCERT"},
                                   LoginKey{"sslkey", "sslkey", "PGSSLKEY"},
                                   LoginKey{"sslpassword", "sslpassword", nullptr},
                                   LoginKey{"sslrootcert", "sslrootcert", "PGSSLROOTCERT"},
                                   LoginKey{"sslcrl", "sslcrl", "PGSSLCRL"},
                                   LoginKey{"sslcrldir", "sslcrldir", "PGSSLCRLDIR"},
                                   LoginKey{"gssencmode", "gssencmode", "PGGSSENCMODE"},
                                   LoginKey{"channel_binding", "channel_binding", "PGCHANNELBINDING"}};

// https://www.postgresql.org/docs/15/view-pg-settings.html
constexpr auto kSettings = R"(
SELECT name, current_setting(name) FROM pg_catalog.pg_settings
 WHERE context <> 'internal' AND source IN ('configuration file', 'command line', 'environment variable')
       AND category <> 'Write-Ahead Log / Recovery Target' AND setting <> '(disabled)'
    OR name IN ('hba_file', 'ident_file', 'config_file', 'data_directory', 'listen_addresses', 'port',
                'cluster_name', 'wal_level', 'hot_standby', 'max_connections', 'max_wal_senders', 'wal_keep_size',
                'max_prepared_transactions', 'max_locks_per_transaction', 'track_commit_timestamp',
                'max_replication_slots', 'max_worker_processes', 'wal_log_hints'))";

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  const auto text = system::read_file(path);
  if (!text) return lines;
  for (std::string_view rest = *text; !rest.empty();) {
    auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    while (line.ends_with(' ') || line.ends_with('\t') || line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !line.starts_with('#')) lines.emplace_back(line);
  }
  return lines;
}

// Where the running postmaster's program is.
Result<std::string> find_bin_dir(const std::string& data_dir) {
  const auto path = data_dir + "/postmaster.pid";
  const auto text = system::read_file(path);
  if (!text) return std::unexpected(text.error());
  const auto file = pg::parse_postmaster_file(*text);
  if (!file) return base::fail(ErrorKind::invalid, "{} has no process number", path);
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/" + std::to_string(file->pid) + "/exe", failed);
  if (failed)
    return base::fail(ErrorKind::failed, "the program of process {}, named in {}, cannot be found: {}",
                      file->pid, path, failed.message());
  return program.parent_path().string();
}

}  // namespace

bool belongs_to_a_node(std::string_view setting) {
  constexpr std::array kLocal = {"archive_command",
                                 "restore_command",
                                 "archive_cleanup_command",
                                 "recovery_end_command",
                                 "ssl_passphrase_command",
                                 "hba_file",
                                 "ident_file",
                                 "config_file"};
  return std::ranges::find(kLocal, setting) != kLocal.end();
}

Task<Result<RunningInstance>> look_at_running_instance(net::Runtime& runtime, std::string dsn) {
  const auto parsed = parse_dsn(dsn);
  if (!parsed) co_return std::unexpected(parsed.error());
  const auto deadline = runtime.clock().now() + kAnswerTime;
  auto connection = co_await Connection::open(runtime, *parsed, deadline);
  if (!connection) co_return base::in("connecting to PostgreSQL", connection.error());
  auto superuser = co_await connection->query("SHOW is_superuser", deadline);
  if (!superuser) co_return std::unexpected(superuser.error());
  if (superuser->front().text(0, 0) != "on")
    co_return base::fail(ErrorKind::refused, "the user is no superuser, and cannot see all settings");
  const auto rows = co_await connection->query(kSettings, deadline);
  if (!rows) co_return std::unexpected(rows.error());

  RunningInstance instance;
  for (int row = 0; row < rows->front().count(); ++row)
    instance.settings[std::string(rows->front().text(row, 0))] = rows->front().text(row, 1);
  const auto& data_dir = instance.settings["data_directory"];
  if (instance.settings["hba_file"] == data_dir + "/pg_hba.conf")
    instance.pg_hba = lines_of(instance.settings["hba_file"]);
  if (instance.settings["ident_file"] == data_dir + "/pg_ident.conf")
    instance.pg_ident = lines_of(instance.settings["ident_file"]);
  const auto bin_dir = find_bin_dir(data_dir);
  if (!bin_dir) co_return std::unexpected(bin_dir.error());
  instance.bin_dir = *bin_dir;
  const auto port = given(*parsed, "port", "PGPORT");
  instance.connect_port = port.empty() ? instance.settings["port"] : port;
  for (const auto& [key, keyword, variable] : kLoginKeys)
    if (auto value = given(*parsed, keyword, variable); !value.empty())
      instance.login[key] = std::move(value);
  co_return instance;
}

}  // namespace holdfast::postgres
