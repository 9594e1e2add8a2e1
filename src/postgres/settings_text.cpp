#include "postgres/settings_text.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <map>

#include "pg/quoting.hpp"

namespace holdfast::postgres {
namespace {

namespace json = boost::json;

constexpr std::string_view kHeader =
    "# Written by Holdfast; what you change here is lost. Settings go into the node's file\n"
    "# (postgresql.parameters, postgresql.pg_hba) or the dynamic configuration.\n";
constexpr std::string_view kUpstreamMark = "# upstream: ";

// Which of two ends a recovery takes is for us to say: any of these, set by whomever, would stop or promote a
// standby. https://www.postgresql.org/docs/15/runtime-config-wal.html#RUNTIME-CONFIG-WAL-RECOVERY-TARGET
constexpr std::array kRecoveryTargets = {"recovery_target", "recovery_target_name", "recovery_target_time",
                                         "recovery_target_xid", "recovery_target_lsn"};

// How long a standby waits before it looks for its upstream again. PostgreSQL's 5 s would be most of the time
// that a member is without redundancy after a failover.
constexpr auto kRetrieveRetryInterval = "500ms";

constexpr std::array kOnCommandLine = {"listen_addresses",
                                       "port",
                                       "cluster_name",
                                       "wal_level",
                                       "hot_standby",
                                       "max_connections",
                                       "max_wal_senders",
                                       "max_prepared_transactions",
                                       "max_locks_per_transaction",
                                       "track_commit_timestamp",
                                       "max_replication_slots",
                                       "max_worker_processes",
                                       "wal_log_hints"};

std::string setting(std::string_view name, std::string_view value) {
  return fmt::format("{} = {}\n", name, pg::quote_setting(value));
}

bool is_ours(std::string_view name) {
  return name == "primary_conninfo" || name == "primary_slot_name" || name == "recovery_target_timeline" ||
         name == "synchronous_standby_names" || name == "data_directory" || name == "config_file" ||
         std::ranges::find(kRecoveryTargets, name) != kRecoveryTargets.end();
}

using Parameters = std::map<std::string, std::string>;

void raise(Parameters& parameters, const char* name, int minimum) {
  auto& value = parameters[name];
  int present = 0;
  std::from_chars(value.data(), value.data() + value.size(), present);
  if (present < minimum) value = std::to_string(minimum);
}

Parameters effective(const patroni::PostgresSettings& settings,
                     const std::optional<pg::RecoveryMinimums>& minimums) {
  auto parameters = settings.parameters;
  if (!minimums) return parameters;
  raise(parameters, "max_connections", minimums->max_connections);
  raise(parameters, "max_worker_processes", minimums->max_worker_processes);
  raise(parameters, "max_wal_senders", minimums->max_wal_senders);
  raise(parameters, "max_prepared_transactions", minimums->max_prepared_transactions);
  raise(parameters, "max_locks_per_transaction", minimums->max_locks_per_transaction);
  return parameters;
}

// "name", "name =", " NAME 'value'" -> "name"
std::string setting_name(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  std::string name(line.substr(0, line.find_first_of(" \t=")));
  std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return name;
}

}  // namespace

std::string main_conf_text(const patroni::PostgresSettings& settings, const std::string& config_dir,
                           const std::string& included, const std::optional<pg::RecoveryMinimums>& minimums) {
  auto parameters = effective(settings, minimums);
  parameters.try_emplace("wal_retrieve_retry_interval", kRetrieveRetryInterval);
  parameters.try_emplace("hba_file", config_dir + "/pg_hba.conf");
  parameters.try_emplace("ident_file", config_dir + "/pg_ident.conf");
  std::string text(kHeader);
  text += fmt::format("\ninclude {}\n\n", pg::quote_setting(included));
  for (const auto& [name, value] : parameters)
    if (!is_ours(name) || name == "synchronous_standby_names") text += setting(name, value);
  text += fmt::format("\ninclude_if_exists {}\ninclude_if_exists {}\n", pg::quote_setting(kReplicationConf),
                      pg::quote_setting(kSynchronousConf));
  return text;
}

std::string replication_conf_text(const std::optional<Streaming>& streaming) {
  std::string text(kHeader);
  if (streaming) {
    const auto& upstream = streaming->upstream;
    text += kUpstreamMark;
    json::object mark{{"name", upstream.name}, {"conn_url", upstream.conn_url}};
    if (upstream.slot) mark["slot"] = *upstream.slot;
    text += json::serialize(mark) + '\n';
    auto login = streaming->login;
    login.emplace_back("passfile", streaming->password_file);
    login.emplace_back("application_name", streaming->member_name);
    text += setting("primary_conninfo", pg::to_string(login));
  } else {
    text += setting("primary_conninfo", "");
  }
  text += setting("primary_slot_name", streaming ? streaming->slot : "");
  text += setting("recovery_target_timeline", "latest");
  for (const auto* name : kRecoveryTargets) text += setting(name, "");
  return text;
}

std::optional<ha::Upstream> upstream_in(std::string_view replication_conf) {
  const auto at = replication_conf.find(kUpstreamMark);
  if (at == std::string_view::npos) return std::nullopt;
  auto line = replication_conf.substr(at + kUpstreamMark.size());
  line = line.substr(0, line.find('\n'));
  boost::system::error_code failed;
  const auto parsed = json::parse({line.data(), line.size()}, failed);
  const auto* object = failed ? nullptr : parsed.if_object();
  const auto text = [object](const char* key) {
    const auto* value = object ? object->if_contains(key) : nullptr;
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  ha::Upstream upstream{.name = text("name"), .conn_url = text("conn_url")};
  if (upstream.conn_url.empty()) return std::nullopt;
  if (object->contains("slot")) upstream.slot = text("slot");
  return upstream;
}

std::string synchronous_conf_text(std::string_view names) {
  return std::string(kHeader) + setting("synchronous_standby_names", names);
}

std::vector<std::string> default_hba(const patroni::PostgresConfig& config, const std::string& superuser) {
  const auto replication = pg::quote_identifier(config.replication.username);
  std::vector<std::string> lines;
  // Without a password there is no other way in than being the operating system's user of that name.
  if (config.superuser.password.empty())
    lines.push_back(fmt::format("local all {} peer", pg::quote_identifier(superuser)));
  lines.push_back("local all all scram-sha-256");
  lines.push_back("host all all all scram-sha-256");
  lines.push_back(fmt::format("local replication {} scram-sha-256", replication));
  lines.push_back(fmt::format("host replication {} all scram-sha-256", replication));
  return lines;
}

std::string without_our_settings(std::string_view auto_conf) {
  std::string kept;
  while (!auto_conf.empty()) {
    const auto line = auto_conf.substr(0, auto_conf.find('\n'));
    auto_conf.remove_prefix(std::min(line.size() + 1, auto_conf.size()));
    if (!is_ours(setting_name(line))) kept.append(line).append("\n");
  }
  return kept;
}

std::vector<std::string> command_line_settings(const patroni::PostgresSettings& settings,
                                               const std::optional<pg::RecoveryMinimums>& minimums) {
  const auto parameters = effective(settings, minimums);
  std::vector<std::string> arguments;
  for (const auto* name : kOnCommandLine)
    if (const auto found = parameters.find(name); found != parameters.end())
      arguments.push_back(fmt::format("--{}={}", name, found->second));
  return arguments;
}

}  // namespace holdfast::postgres
