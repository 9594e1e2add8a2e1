#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/yaml_text.hpp"
#include "main/config_commands.hpp"
#include "main/environment.hpp"
#include "net/runtime.hpp"
#include "patroni/dynamic_config.hpp"
#include "patroni/environment.hpp"
#include "postgres/running_instance.hpp"
#include "system/files.hpp"

namespace holdfast {
namespace {

namespace json = boost::json;

struct Place {
  std::string name = kFillIn;
  std::string address = kFillIn;
};

// This host's name, and the address that it is looked up as.
Place this_place() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  Place place{.name = name.data()};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(name.data(), nullptr, &hints, &found) != 0) return place;
  std::array<char, 128> text{};
  for (const auto* entry = found; entry; entry = entry->ai_next)
    if (entry->ai_family == AF_INET || place.address == kFillIn)
      if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
        place.address = text.data();
        if (entry->ai_family == AF_INET) break;
      }
  freeaddrinfo(found);
  return place;
}

json::object default_dynamic() {
  return {
      {"loop_wait", 10},
      {"retry_timeout", 10},
      {"ttl", 30},
      {"maximum_lag_on_failover", 1048576},
      {"max_timelines_history", 0},
      {"primary_start_timeout", 300},
      {"primary_stop_timeout", 0},
      {"synchronous_mode", false},
      {"synchronous_mode_strict", false},
      {"synchronous_node_count", 1},
      {"failsafe_mode", false},
      {"check_timeline", false},
      {"postgresql",
       {{"parameters", patroni::default_shared_parameters()}, {"use_pg_rewind", true}, {"use_slots", true}}}};
}

json::object template_config() {
  const auto here = this_place();
  const auto user = [](const char* name) { return json::object{{"username", name}, {"password", kFillIn}}; };
  json::object config{
      {"scope", kFillIn},
      {"name", here.name},
      {"log", {{"type", "plain"}, {"level", "INFO"}, {"format", "%(asctime)s %(levelname)s: %(message)s"}}},
      {"restapi", {{"connect_address", here.address + ":8008"}, {"listen", here.address + ":8008"}}},
      {"etcd3", {{"hosts", json::array{kFillIn}}}},
      {"bootstrap", {{"dcs", default_dynamic()}}},
      {"postgresql",
       {{"data_dir", kFillIn},
        {"connect_address", here.address + ":5432"},
        {"listen", here.address + ":5432"},
        {"bin_dir", ""},
        {"authentication", {{"superuser", user("postgres")}, {"replication", user("replicator")}}}}},
      {"tags",
       {{"failover_priority", 1},
        {"sync_priority", 1},
        {"noloadbalance", false},
        {"clonefrom", true},
        {"nostream", false}}}};
  patroni::YamlNode tree{.kind = patroni::YamlNode::Kind::map};
  for (const auto& warning : patroni::apply_environment(tree, process_environment()))
    fmt::print(stderr, "{}\n", warning);
  const auto from_environment = patroni::to_json(tree).get_object();
  if (from_environment.contains("etcd") || from_environment.contains("etcd3")) config.erase("etcd3");
  patroni::patch_config(config, from_environment);
  return config;
}

json::object& section(json::object& parent, std::string_view key) {
  auto& value = parent[key];
  if (!value.is_object()) value.emplace_object();
  return value.get_object();
}

std::string indented(const std::string& text, std::string_view by) {
  std::string result;
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    result.append(by).append(line).append("\n");
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return result;
}

// In the order in which a person reads it, with a word on the part that is easily misunderstood.
std::string as_text(const json::object& config) {
  std::string text;
  const auto add = [&](std::string_view key) {
    const auto* value = config.if_contains(key);
    if (!value) return;
    if (value->is_object()) text += "\n";
    text += ctl::to_yaml(json::object{{key, *value}});
  };
  for (const auto* key : {"scope", "namespace", "name", "log", "restapi", "ctl", "etcd", "etcd3"}) add(key);
  if (const auto* bootstrap = config.if_contains("bootstrap")) {
    text +=
        "\n# Read once, by the node that makes the cluster: `dcs` becomes the dynamic configuration in etcd, "
        "and\n"
        "# is changed there from then on, with `patronictl edit-config`.\nbootstrap:\n";
    text += indented(ctl::to_yaml(*bootstrap), "  ");
  }
  for (const auto* key : {"postgresql", "watchdog", "tags"}) add(key);
  return text;
}

int write_out(const std::string& output, const std::string& text) {
  if (output.empty()) {
    fmt::print("{}", text);
    return 0;
  }
  std::error_code failed;
  const auto directory = std::filesystem::path(output).parent_path();
  if (!directory.empty()) std::filesystem::create_directories(directory, failed);
  // It holds passwords.
  const auto written = system::write_file(std::filesystem::absolute(output, failed).string(), text,
                                          {geteuid(), getegid()}, 0600);
  if (written) return 0;
  fmt::print(stderr, "{}\n", written.error().message);
  return 1;
}

}  // namespace

int generate_sample_config(const std::string& output) {
  auto config = template_config();
  auto& postgresql = section(config, "postgresql");
  section(postgresql, "parameters")["password_encryption"] = "scram-sha-256";
  auto& users = section(postgresql, "authentication");
  auto& replication = section(users, "replication");
  postgresql["pg_hba"] = {"host all all all scram-sha-256",
                          fmt::format("host replication {} all scram-sha-256",
                                      json::value_to<std::string>(replication["username"]))};
  auto& rewind = section(users, "rewind");
  if (!rewind.contains("username")) rewind["username"] = "rewind_user";
  if (!rewind.contains("password")) rewind["password"] = kFillIn;
  return write_out(output, as_text(config));
}

int generate_config(const std::string& output, const std::string& dsn) {
  net::Runtime runtime;
  const auto instance = runtime.run_task(postgres::look_at_running_instance(runtime, dsn));
  if (!instance) {
    fmt::print(stderr, "{}\n", instance.error().message);
    return 1;
  }
  auto config = template_config();
  auto& postgresql = section(config, "postgresql");
  auto& dynamic = section(section(section(section(config, "bootstrap"), "dcs"), "postgresql"), "parameters");
  auto& local = section(postgresql, "parameters");
  std::string port = "5432", addresses = "localhost";
  for (const auto& [name, value] : instance->settings) {
    if (name == "data_directory")
      postgresql["data_dir"] = value;
    else if (name == "cluster_name" && !value.empty())
      config["scope"] = value;
    else if (name == "port")
      port = value;
    else if (name == "listen_addresses")
      addresses = value;
    else if (postgres::belongs_to_a_node(name))
      local[name] = value;
    else if (name != "cluster_name")
      dynamic[name] = value;
  }
  const auto connect = json::value_to<std::string>(postgresql["connect_address"]);
  postgresql["connect_address"] = connect.substr(0, connect.rfind(':') + 1) + instance->connect_port;
  postgresql["listen"] = addresses + ":" + port;
  postgresql["bin_dir"] = instance->bin_dir;
  if (!instance->pg_hba.empty()) postgresql["pg_hba"] = json::value_from(instance->pg_hba);
  if (!instance->pg_ident.empty()) postgresql["pg_ident"] = json::value_from(instance->pg_ident);
  auto& superuser = section(section(postgresql, "authentication"), "superuser");
  for (const auto& [key, value] : instance->login) superuser[key] = value;
  section(postgresql, "authentication")["replication"] = {{"username", kFillIn}, {"password", kFillIn}};
  return write_out(output, as_text(config));
}

}  // namespace holdfast
