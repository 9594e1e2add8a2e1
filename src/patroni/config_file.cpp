#include "patroni/config_file.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <fmt/ranges.h>

#include "patroni/config_sections.hpp"
#include "patroni/dynamic_config.hpp"
#include "patroni/host_port.hpp"
#include "patroni/json_text.hpp"
#include "patroni/member_value.hpp"
#include "patroni/yaml_reader.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;

constexpr std::uint16_t kPostgresPort = 5432;

// What Patroni writes into synchronous_standby_names when nobody may be there.
constexpr std::string_view kReservedName = "__patroni_strict_sync_replica_placeholder__";

void read_name(YamlMap root, std::string& name) {
  if (!root.required("name", name, "the name of this node, unique in the cluster, e.g. name: node1")) return;
  const bool odd =
      std::ranges::any_of(name, [](char c) { return c == '/' || c == ',' || (c >= 0 && c < ' '); });
  if (odd)
    root.error("name", "must contain no slash, comma or control character: it becomes part of etcd's keys");
  if (name == kReservedName) root.error("name", "is reserved; choose another");
}

void read_user(YamlMap map, PostgresUser& user) {
  map.text("username", user.username);
  map.text("password", user.password);
  map.text("sslmode", user.sslmode);
  map.text("sslrootcert", user.sslrootcert);
  map.text("sslcert", user.sslcert);
  map.text("sslkey", user.sslkey);
  map.text("sslpassword", user.sslpassword);
  map.text("sslcrl", user.sslcrl);
  map.text("sslcrldir", user.sslcrldir);
  map.text("sslnegotiation", user.sslnegotiation);
  map.text("gssencmode", user.gssencmode);
  map.text("channel_binding", user.channel_binding);
}

// PostgreSQL's service name in Kerberos is one for all users.
void read_krbsrvname(YamlMap postgresql, PostgresConfig& into) {
  for (auto* user : {&into.superuser, &into.replication, &into.rewind})
    postgresql.text("krbsrvname", user->krbsrvname);
}

void read_authentication(YamlMap postgresql, PostgresConfig& into) {
  auto map = postgresql.section("authentication");
  into.superuser.username = "postgres";
  read_user(map.section("superuser"), into.superuser);
  auto replication = map.section("replication");
  if (!replication.has("username"))
    replication.missing("username", "the user that standbys replicate with, e.g. username: replicator");
  read_user(replication, into.replication);
  read_user(map.section("rewind"), into.rewind);
  if (into.replication.username == into.superuser.username && !into.replication.username.empty())
    replication.warning("username", "is the superuser; replication needs fewer rights");
}

// A relative path is one from where the program was started, as in Patroni; who opens files resolves it.
void read_data_dir(YamlMap map, std::string& into) {
  if (!map.required("data_dir", into,
                    "the directory of PostgreSQL's data, e.g. data_dir: /var/lib/postgresql/15/main"))
    return;
  while (into.size() > 1 && into.ends_with('/')) into.pop_back();
  if (into == "/") map.error("data_dir", "must not be the root directory");
}

// Names of programs in bin_dir, for distributions that call them otherwise.
void read_bin_name(YamlMap postgresql, std::map<std::string, std::string>& into) {
  auto map = postgresql.section("bin_name");
  for (const auto* program :
       {"pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind"}) {
    std::string name;
    if (!map.text(program, name)) continue;
    if (name.empty() || name.contains('/'))
      map.mismatch(program, "the name of a program in postgresql.bin_dir");
    else
      into[program] = name;
  }
}

void read_postgres_addresses(YamlMap map, PostgresConfig& into) {
  std::vector<HostPort> listen;
  if (!map.has("listen") && !map.has("connect_address"))
    map.missing("connect_address", "the address of PostgreSQL as others reach it, e.g. 10.0.0.1:5432");
  const bool connects = read_connect_address(map, "connect_address", into.connect_address, kPostgresPort);
  if (!read_listen(map, "listen", listen, kPostgresPort) && connects)
    if (const auto address = parse_host_port(into.connect_address, kPostgresPort)) listen = {*address};
  read_connect_address(map, "proxy_address", into.proxy_address, std::nullopt);
  if (listen.empty()) return;
  into.port = listen.front().port;
  for (const auto& address : listen) into.listen_addresses.push_back(address.host);
  if (map.has("connect_address")) return;
  const auto& first = listen.front();
  if (first.host == "*" || first.host == "0.0.0.0" || first.host == "::")
    map.missing("connect_address",
                "listen has no address that others could use; e.g. connect_address: 10.0.0.1:5432");
  else
    into.connect_address = to_string(first);
}

void read_parameters(YamlMap postgresql, std::map<std::string, std::string>& into) {
  auto map = postgresql.section("parameters");
  map.any_key();
  for (const auto& key : map.keys()) {
    const auto* node = map.node(key);
    if (!node) continue;
    auto value = parameter_text(to_json(*node));
    if (!value) {
      map.mismatch(key, "a text, a number or a boolean");
      continue;
    }
    // What was written as a number keeps its spelling: 0600 must not become 384.
    if (node->quoted || !boolean_word(node->text)) value = node->text;
    std::string name = key;
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    into[name] = *value;
  }
}

// Options of a program: a list mixing "flag" and {option: value}, or one map. Ours alone are refused.
std::vector<InitdbOption> read_options(YamlMap map, std::string_view key,
                                       std::initializer_list<std::string_view> ours) {
  std::vector<InitdbOption> options;
  const auto add = [&](const std::string& name, const YamlNode* value) {
    if (std::ranges::find(ours, name) != ours.end())
      return map.warning(key, fmt::format("the option {} is set by Holdfast itself; ignored", name));
    if (value && value->kind == YamlNode::Kind::scalar)
      options.push_back({name, value->text});
    else if (!value || value->kind == YamlNode::Kind::null)
      options.push_back({name, std::nullopt});
    else
      map.error(key, fmt::format("the option {} must have a plain value, found {}", name, describe(*value)));
  };
  const auto* node = map.node(key);
  if (!node) return options;
  if (node->kind == YamlNode::Kind::scalar) map.mismatch(key, "a list of options");
  for (const auto& [name, value] : node->map) add(name, &value);
  for (const auto& item : node->list) {
    for (const auto& [name, value] : item.map) add(name, &value);
    if (item.kind == YamlNode::Kind::scalar) add(item.text, nullptr);
    if (item.kind == YamlNode::Kind::list) map.mismatch(key, "a list of options and option: value pairs");
  }
  return options;
}

// Methods of making replicas are sections of their own, with names that the user chooses.
void know_replica_methods(YamlMap map) {
  std::vector<std::string> methods;
  for (const auto* key : {"create_replica_methods", "create_replica_method"})
    if (map.comma_texts(key, methods))
      for (const auto& method : methods) map.known({method});
}

void read_postgresql(YamlMap root, PostgresConfig& into) {
  auto map = root.section("postgresql");
  if (!map.present())
    map.missing("data_dir", "the section postgresql says where PostgreSQL is and how to log in");
  if (!map.present()) return;
  read_postgres_addresses(map, into);
  read_data_dir(map, into.data_dir);
  map.text("bin_dir", into.bin_dir);
  read_bin_name(map, into.bin_name);
  map.text("config_dir", into.config_dir);
  map.text("config_base_name", into.config_base_name);
  map.text("pgpass", into.pgpass);
  map.text("database", into.database);
  read_authentication(map, into);
  read_krbsrvname(map, into);
  read_parameters(map, into.local.parameters);
  map.texts("pg_hba", into.local.pg_hba);
  map.texts("pg_ident", into.local.pg_ident);
  map.flag("use_unix_socket", into.use_unix_socket);
  map.flag("use_unix_socket_repl", into.use_unix_socket_repl);
  map.flag("use_pg_rewind", into.use_pg_rewind);
  if (map.has("use_slots"))
    map.warning("use_slots", "has no effect here; it belongs into the dynamic configuration");
  know_replica_methods(map);
  map.known({"basebackup", "callbacks", "create_replica_methods", "create_replica_method", "custom_conf",
             "recovery_conf", "pre_promote", "before_stop", "remove_data_directory_on_rewind_failure",
             "remove_data_directory_on_diverged_timelines", "pg_ctl_timeout", "name", "scope"});
  if (const auto* node = root.node("postgresql"); node && node->kind == YamlNode::Kind::map)
    into.section = to_json(*node).get_object();
  map.unsupported({"replica_method", "rewind"});
}

void read_dynamic(YamlMap bootstrap, json::object& into) {
  auto map = bootstrap.section("dcs");
  map.known({"ttl",
             "loop_wait",
             "retry_timeout",
             "pause",
             "maximum_lag_on_failover",
             "maximum_lag_on_syncnode",
             "max_timelines_history",
             "primary_start_timeout",
             "primary_stop_timeout",
             "primary_race_backoff",
             "master_start_timeout",
             "master_stop_timeout",
             "synchronous_mode",
             "synchronous_mode_strict",
             "synchronous_node_count",
             "failsafe_mode",
             "member_slots_ttl",
             "check_timeline",
             "standby_cluster",
             "slots",
             "permanent_slots",
             "permanent_replication_slots",
             "ignore_slots",
             "postgresql"});
  auto postgresql = map.section("postgresql");
  know_replica_methods(postgresql);
  postgresql.known({"parameters", "pg_hba", "pg_ident", "use_pg_rewind", "use_slots", "pg_ctl_timeout",
                    "recovery_conf", "custom_conf", "callbacks", "basebackup", "create_replica_methods",
                    "create_replica_method", "pre_promote", "before_stop",
                    "remove_data_directory_on_rewind_failure",
                    "remove_data_directory_on_diverged_timelines"});
  postgresql.unsupported({"rewind"});
  if (const auto* node = bootstrap.node("dcs"); node && node->kind == YamlNode::Kind::map)
    into = to_json(*node).get_object();
}

// Patroni falls back to initdb when the section of a method is missing: an empty cluster where a restored one
// was wanted.
void read_method(YamlMap bootstrap, BootstrapConfig& into) {
  std::string name;
  if (!bootstrap.text("method", name) || name.empty() || name == "initdb") return;
  bootstrap.known({name});
  const auto* section = bootstrap.node(name);
  if (!section || section->kind != YamlNode::Kind::map)
    return bootstrap.error("method", fmt::format("there is no section {} with a command", name));
  std::vector<std::string> problems;
  auto method = read_bootstrap_method(name, to_json(*section).get_object(), problems);
  for (const auto& problem : problems) bootstrap.error(name, problem);
  if (method.command.empty()) return bootstrap.error(name, "command is missing: what makes the new cluster");
  into.method = std::move(method);
}

void read_bootstrap(YamlMap root, BootstrapConfig& into) {
  auto map = root.section("bootstrap");
  read_dynamic(map, into.dcs);
  into.initdb =
      read_options(map, "initdb", {"pgdata", "nosync", "no-sync", "pwfile", "sync-only", "version"});
  map.text("post_init", into.post_bootstrap);
  map.text("post_bootstrap", into.post_bootstrap);
  if (map.has("users"))
    map.warning("users", "has no effect since Patroni 4: create users with post_bootstrap");
  read_method(map, into);
  map.texts("pg_hba", into.pg_hba);
}

// Both say how far a node may become leader (or synchronous); where they disagree the flag wins.
void check_contradiction(YamlMap tags, std::string_view flag_key, std::string_view priority_key) {
  const auto* flag = tags.node(flag_key);
  const auto* priority = tags.node(priority_key);
  if (!flag || !priority) return;
  const auto flag_value = to_json(*flag);
  const auto number = integer_of(to_json(*priority));
  const auto set = boolean_of(flag_value);
  if (!number || !set || *set != (*number > 0)) return;
  const auto shown = scalar_text(flag_value).value_or("");
  tags.warning(flag_key,
               fmt::format("Conflicting configuration between {}: {} and {}: {}. Defaulting to {}: {}",
                           flag_key, shown, priority_key, *number, flag_key, shown));
}

void read_tags(YamlMap root, NodeConfig& into) {
  auto map = root.section("tags");
  map.any_key();
  for (const auto* key : {"clonefrom", "nofailover", "noloadbalance", "nosync", "nostream"}) {
    bool ignored = false;
    map.flag(key, ignored);
  }
  for (const auto* key : {"failover_priority", "sync_priority"}) {
    std::int64_t ignored = 0;
    map.integer(key, -1'000'000, 1'000'000, ignored);
  }
  std::string replicate_from;
  map.text("replicatefrom", replicate_from);
  check_contradiction(map, "nofailover", "failover_priority");
  check_contradiction(map, "nosync", "sync_priority");
  const auto* node = root.node("tags");
  if (!node || node->kind != YamlNode::Kind::map) return;
  const auto tags = to_json(*node).get_object();
  into.tags = parse_tags(tags);
  into.tags_json = published_tags(tags);
}

void read_watchdog(YamlMap root, WatchdogConfig& into) {
  using Mode = WatchdogConfig::Mode;
  constexpr std::array<std::pair<std::string_view, Mode>, 9> kModes{{{"off", Mode::off},
                                                                     {"disable", Mode::off},
                                                                     {"disabled", Mode::off},
                                                                     {"false", Mode::off},
                                                                     {"no", Mode::off},
                                                                     {"automatic", Mode::automatic},
                                                                     {"auto", Mode::automatic},
                                                                     {"required", Mode::required},
                                                                     {"require", Mode::required}}};
  auto map = root.section("watchdog");
  map.choice<Mode>("mode", kModes, into.mode);
  map.text("device", into.device);
  std::int64_t margin = 5;
  if (map.integer("safety_margin", -1, 3600, margin))
    into.safety_margin = margin < 0 ? base::Duration(-1) : base::Duration(std::chrono::seconds(margin));
  map.text("driver", into.driver);
  if (into.driver != "default" && into.driver != "testing")
    map.error("driver", fmt::format("{} is unknown; there are default and testing", into.driver));
}

NodeConfig read_node(YamlMap root) {
  NodeConfig config;
  read_scope(root, config.scope, config.dcs_namespace);
  read_name(root, config.name);
  read_log(root, config.log);
  read_restapi(root, config.restapi);
  read_ctl(root, config.ctl);
  read_etcd(root, config.etcd);
  read_bootstrap(root, config.bootstrap);
  read_postgresql(root, config.postgresql);
  read_tags(root, config);
  read_watchdog(root, config.watchdog);
  root.known({"thread_pool_size", "thread_stack_size"});  // of Python's threads, of which there are none
  root.unsupported({"citus"});
  return config;
}

}  // namespace

base::Result<LoadedConfig> load_config(std::string_view yaml, std::string file_name,
                                       const Environment& environment) {
  auto tree = parse_yaml_map(yaml, file_name);
  if (!tree) return std::unexpected(tree.error());
  return load_config(std::move(*tree), std::move(file_name), environment);
}

base::Result<LoadedConfig> load_config(YamlNode tree, std::string file_name, const Environment& environment) {
  std::optional<YamlReader> reader;
  reader.emplace(std::move(tree), file_name);
  for (const auto& problem : apply_environment(reader->tree(), environment)) reader->warning("", "", problem);
  auto config = read_node(reader->root());
  for (const auto& problem : effective_config(config.bootstrap.dcs, config.postgresql, config.scope).problems)
    reader->warning("bootstrap.dcs", "", problem);
  auto report = reader->finish();
  if (!report.errors.empty())
    return base::fail(base::ErrorKind::invalid, "{}", fmt::join(report.errors, "\n"));
  return LoadedConfig{.config = std::move(config),
                      .warnings = std::move(report.warnings),
                      .tree = to_json(reader->tree()).get_object()};
}

}  // namespace holdfast::patroni
