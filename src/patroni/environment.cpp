#include "patroni/environment.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "patroni/yaml_reader.hpp"

namespace holdfast::patroni {
namespace {

constexpr std::string_view kPrefix = "PATRONI_";

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
  return result;
}

enum class Form { plain, list, map };

struct Variable {
  std::string path;  // in the file: postgresql.listen
  Form form = Form::plain;
};
using Variables = std::map<std::string, Variable, std::less<>>;

// SECTION_KEY sets `section.key`.
struct Section {
  std::string_view path;    // in the file; empty: the top
  std::string_view prefix;  // in the variable's name
  std::vector<std::string_view> keys;
};

const std::vector<std::string_view> kLogin = {"username", "password"};
const std::vector<std::string_view> kUser = {"username",  "password",       "sslmode",     "sslcert",
                                             "sslkey",    "sslpassword",    "sslrootcert", "sslcrl",
                                             "sslcrldir", "sslnegotiation", "gssencmode",  "channel_binding"};
const std::vector<std::string_view> kEtcd = {"host",  "hosts",       "port",       "url",     "protocol",
                                             "proxy", "srv",         "srv_suffix", "cacert",  "cert",
                                             "key",   "use_proxies", "username",   "password"};

const std::array kSections = {
    Section{"", "", {"name", "namespace", "scope", "thread_pool_size", "thread_stack_size"}},
    Section{"log",
            "LOG_",
            {"type", "level", "traceback_level", "format", "dateformat", "static_fields", "max_queue_size",
             "dir", "mode", "file_size", "file_num", "loggers", "deduplicate_heartbeat_logs"}},
    Section{"restapi",
            "RESTAPI_",
            {"listen", "connect_address", "certfile", "keyfile", "keyfile_password", "cafile", "ciphers",
             "verify_client", "http_extra_headers", "https_extra_headers", "allowlist",
             "allowlist_include_members", "request_queue_size", "thread_pool_size", "server_tokens"}},
    Section{"restapi.authentication", "RESTAPI_", kLogin},
    Section{"ctl", "CTL_", {"insecure", "cacert", "certfile", "keyfile", "keyfile_password"}},
    Section{"ctl.authentication", "CTL_", kLogin},
    Section{"postgresql",
            "POSTGRESQL_",
            {"listen", "connect_address", "proxy_address", "config_dir", "data_dir", "pgpass", "bin_dir"}},
    Section{"postgresql.bin_name",
            "POSTGRESQL_BIN_",
            {"pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind"}},
    Section{"postgresql.authentication.superuser", "SUPERUSER_", kUser},
    Section{"postgresql.authentication.replication", "REPLICATION_", kUser},
    Section{"postgresql.authentication.rewind", "REWIND_", kUser},
    Section{"etcd3", "ETCD3_", kEtcd},
    Section{"etcd", "ETCD_", kEtcd},
};

Form form_of(std::string_view path) {
  for (const auto* list : {"etcd3.hosts", "etcd.hosts", "restapi.allowlist"})
    if (path == list) return Form::list;
  for (const auto* map :
       {"restapi.http_extra_headers", "restapi.https_extra_headers", "log.static_fields", "log.loggers"})
    if (path == map) return Form::map;
  return Form::plain;
}

Variables known_variables() {
  Variables known;
  for (const auto& section : kSections)
    for (const auto key : section.keys) {
      const auto path =
          section.path.empty() ? std::string(key) : std::string(section.path).append(".").append(key);
      known[std::string(kPrefix).append(section.prefix).append(upper(key))] = {path, form_of(path)};
    }
  // As they were called before.
  known["PATRONI_LOGLEVEL"] = known["PATRONI_LOG_LEVEL"];
  known["PATRONI_LOGFORMAT"] = known["PATRONI_LOG_FORMAT"];
  known["PATRONI_LOG_DATEFMT"] = known["PATRONI_LOG_DATEFORMAT"];
  return known;
}

void set_places_to(YamlNode& node, const std::string& place) {
  node.place = place;
  if (node.kind == YamlNode::Kind::scalar) node.quoted = true;
  for (auto& item : node.list) set_places_to(item, place);
  for (auto& entry : node.map) set_places_to(entry.value, place);
}

// Lists and maps are YAML, of which the brackets may be missing: a:1,b:2 and ['a:1', 'b:2'] are the same.
base::Result<YamlNode> parse_value(const std::string& name, std::string text, Form form) {
  const std::string place = "from " + name;
  if (form == Form::plain)
    return YamlNode{.kind = YamlNode::Kind::scalar, .text = std::move(text), .quoted = true, .place = place};
  const auto first = text.find_first_not_of(" \t\n");
  const bool begun =
      first != std::string::npos && (form == Form::map ? text[first] == '{' : text[first] == '-');
  if (form == Form::map && !begun) text = "{" + text + "}";
  if (form == Form::list && !begun && !text.starts_with('[')) text = "[" + text + "]";
  auto node = parse_yaml(text, name);
  const auto wanted = form == Form::map ? YamlNode::Kind::map : YamlNode::Kind::list;
  if (!node || node->kind != wanted)
    return base::fail(base::ErrorKind::invalid, "{} is ignored: a {} is expected, as in YAML", name,
                      form == Form::map ? "map (key: value, ...)" : "list (a, b, ...)");
  set_places_to(*node, place);
  return node;
}

// PATRONI_CONSUL_HOST and the like belong to stores that we do not speak to; they do no harm.
bool is_of_another_store(std::string_view name) {
  for (const auto* store : {"CONSUL_", "EXHIBITOR_", "ZOOKEEPER_", "KUBERNETES_", "RAFT_", "CITUS_"})
    if (name.substr(kPrefix.size()).starts_with(store)) return true;
  return false;
}

std::string unknown_variable(const std::string& name, const Variables& known) {
  std::set<std::string, std::less<>> names;
  for (const auto& entry : known) names.insert(entry.first);
  const auto meant = nearest(name, names);
  return meant.empty() ? name + ": unknown environment variable; it has no effect"
                       : name + ": unknown environment variable, did you mean " + meant + "?";
}

}  // namespace

std::vector<std::string> apply_environment(YamlNode& root, const Environment& environment) {
  std::vector<std::string> warnings;
  const auto known = known_variables();
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(kPrefix) || value.empty() || name == kConfigurationVariable) continue;
    const auto variable = known.find(name);
    if (variable == known.end()) {
      if (!is_of_another_store(name)) warnings.push_back(unknown_variable(name, known));
      continue;
    }
    const auto& [path, form] = variable->second;
    // A format that is no text with attributes is a list of them, for JSON.
    const bool list = path == "log.format" && !value.contains("%(");
    auto node = parse_value(name, value, list ? Form::list : form);
    if (node)
      set_yaml(root, path, std::move(*node));
    else
      warnings.push_back(node.error().message);
  }
  return warnings;
}

}  // namespace holdfast::patroni
