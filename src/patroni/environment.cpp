#include "patroni/environment.hpp"

#include <algorithm>
#include <array>

namespace holdfast::patroni {
namespace {

constexpr std::string_view kPrefix = "PATRONI_";

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
  return result;
}

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
    Section{"", "", {"name", "namespace", "scope"}},
    Section{"log",
            "LOG_",
            {"type", "level", "traceback_level", "format", "dateformat", "max_queue_size", "dir", "mode",
             "file_size", "file_num", "deduplicate_heartbeat_logs"}},
    Section{
        "restapi",
        "RESTAPI_",
        {"listen", "connect_address", "certfile", "keyfile", "keyfile_password", "cafile", "ciphers",
         "verify_client", "allowlist", "allowlist_include_members", "request_queue_size", "server_tokens"}},
    Section{"restapi.authentication", "RESTAPI_", kLogin},
    Section{"ctl", "CTL_", {"insecure", "cacert", "certfile", "keyfile", "keyfile_password"}},
    Section{"ctl.authentication", "CTL_", kLogin},
    Section{"postgresql",
            "POSTGRESQL_",
            {"listen", "connect_address", "proxy_address", "config_dir", "data_dir", "pgpass", "bin_dir"}},
    Section{"postgresql.authentication.superuser", "SUPERUSER_", kUser},
    Section{"postgresql.authentication.replication", "REPLICATION_", kUser},
    Section{"postgresql.authentication.rewind", "REWIND_", kUser},
    Section{"etcd3", "ETCD3_", kEtcd},
    Section{"etcd", "ETCD_", kEtcd},
};

// Patroni reads the list as YAML: a:1,b:2 and 'a:1','b:2' and ['a:1', 'b:2'] are the same.
std::string plain_list(std::string text) {
  const bool yaml_list = text.size() > 2 && text.front() == '[' && text.back() == ']' &&
                         text.find_first_of(",'\"") < text.size();
  if (yaml_list) text = text.substr(1, text.size() - 2);
  std::erase_if(text, [](char c) { return c == '\'' || c == '"'; });
  return text;
}

}  // namespace

void apply_environment(YamlNode& root, const Environment& environment) {
  for (const auto& section : kSections)
    for (const auto key : section.keys) {
      const auto name = std::string(kPrefix).append(section.prefix).append(upper(key));
      const auto found = environment.find(name);
      if (found == environment.end() || found->second.empty()) continue;
      const auto path =
          section.path.empty() ? std::string(key) : std::string(section.path).append(".").append(key);
      set_yaml(root, path,
               {.kind = YamlNode::Kind::scalar,
                .text = key == "hosts" ? plain_list(found->second) : found->second,
                .quoted = true,
                .place = "from " + name});
    }
}

}  // namespace holdfast::patroni
