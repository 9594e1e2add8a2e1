#include "patroni/config_sections.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cctype>
#include <charconv>
#include <limits>

#include "patroni/host_port.hpp"
#include "patroni/keys.hpp"

namespace holdfast::patroni {
namespace {

constexpr std::uint16_t kEtcdPort = 2379;
constexpr std::uint16_t kRestPort = 8008;

void read_login(YamlMap map, std::string& username, std::string& password) {
  map.text("username", username);
  map.text("password", password);
}

// `auth: user:password`, the older way to say it.
void read_auth(YamlMap map, std::string& username, std::string& password) {
  std::string auth;
  if (!map.text("auth", auth)) return;
  const auto colon = std::min(auth.find(':'), auth.size());
  username = auth.substr(0, colon);
  password = auth.substr(std::min(colon + 1, auth.size()));
}

bool is_wildcard(std::string_view host) { return host == "*" || host == "0.0.0.0" || host == "::"; }

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::from_chars(&text[i] + 1, &text[i] + 3, byte, 16).ptr == &text[i] + 3;
    decoded += escape ? static_cast<char>(byte) : text[i];
    if (escape) i += 2;
  }
  return decoded;
}

// http://user:password@host:port, as in `url` and `proxy`. What stands before the @ is never shown: it may be
// a password.
bool read_etcd_url(YamlMap map, std::string_view key, EtcdConfig& into) {
  std::string url;
  if (!map.text(key, url)) return false;
  std::string_view rest = url;
  const bool tls = rest.starts_with("https://");
  if (!tls && !rest.starts_with("http://"))
    return map.error(key, "a URL is expected, http://host:port or https://host:port"), true;
  rest.remove_prefix(tls ? 8 : 7);
  rest = rest.substr(0, rest.find('/'));
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    const auto login = rest.substr(0, at);
    const auto colon = login.find(':');
    into.username = percent_decoded(login.substr(0, colon));
    if (colon != std::string_view::npos) into.password = percent_decoded(login.substr(colon + 1));
    rest.remove_prefix(at + 1);
  }
  const auto address = parse_host_port(rest, kEtcdPort);
  if (!address) return map.error(key, address.error().message), true;
  into.hosts = {*address};
  into.tls = tls;
  return true;
}

void read_etcd_hosts(YamlMap map, EtcdConfig& into) {
  std::vector<std::string> hosts;
  std::uint16_t port = kEtcdPort;
  map.port("port", port);
  const std::string_view key = map.has("hosts") ? "hosts" : "host";
  (void)map.has("host");
  if (!map.comma_texts(key, hosts)) return;
  into.hosts.clear();
  for (const auto& text : hosts)
    if (auto address = parse_host_port(text, port))
      into.hosts.push_back(std::move(*address));
    else
      map.error(key, address.error().message);
}

void read_etcd_section(YamlMap map, EtcdConfig& into) {
  constexpr std::array<std::pair<std::string_view, bool>, 2> kProtocols{{{"http", false}, {"https", true}}};
  map.choice<bool>("protocol", kProtocols, into.tls);
  // As Patroni has it: what is more exact wins, and records of the domain win over all.
  map.known({"proxy", "url", "host", "hosts", "port"});
  if (!read_etcd_url(map, "proxy", into) && !read_etcd_url(map, "url", into)) read_etcd_hosts(map, into);
  for (const auto* key : {"srv", "discovery_srv", "srv_domain"})
    if (into.srv.empty()) map.text(key, into.srv);
  map.text("srv_suffix", into.srv_suffix);
  map.text("cacert", into.files.cacert);
  map.text("cert", into.files.cert);
  map.text("key", into.files.key);
  read_login(map, into.username, into.password);
  map.known({"use_proxies"});
  map.known({"discovery_srv", "srv_domain"});
  if (!into.tls && into.srv.empty() && (map.has("cacert") || map.has("cert")))
    map.warning("protocol", "certificates have no effect without protocol: https");
  if (into.hosts.empty() && into.srv.empty() && !map.has("hosts") && !map.has("host") && !map.has("url") &&
      !map.has("proxy"))
    map.missing("hosts",
                "name the endpoints of etcd, e.g. hosts: [10.0.0.1:2379, 10.0.0.2:2379, 10.0.0.3:2379]");
}

// Who may ask for changes.
void read_callers(YamlMap& map, RestApiConfig& into) {
  map.comma_texts("allowlist", into.allowlist);
  map.flag("allowlist_include_members", into.allowlist_include_members);
  std::int64_t queue = into.request_queue_size;
  map.integer("request_queue_size", 1, 65535, queue);
  into.request_queue_size = static_cast<int>(queue);
}

void read_headers(YamlMap& map, std::string_view key,
                  std::vector<std::pair<std::string, std::string>>& into) {
  auto headers = map.section(key);
  for (const auto& name : headers.keys()) {
    std::string value;
    if (!headers.text(name, value)) continue;
    const bool plain = std::ranges::none_of(name + value, [](char c) { return c == '\r' || c == '\n'; });
    if (plain)
      into.emplace_back(name, std::move(value));
    else
      headers.error(name, "a header is one line");
  }
}

// What every answer carries.
void read_answers(YamlMap& map, RestApiConfig& into) {
  using Tokens = RestApiConfig::ServerTokens;
  read_headers(map, "http_extra_headers", into.http_extra_headers);
  read_headers(map, "https_extra_headers", into.https_extra_headers);
  std::string tokens;
  if (!map.text("server_tokens", tokens)) return;
  std::ranges::transform(tokens, tokens.begin(), [](unsigned char c) { return std::tolower(c); });
  if (tokens == "productonly")
    into.server_tokens = Tokens::product_only;
  else if (tokens == "minimal")
    into.server_tokens = Tokens::minimal;
  else if (tokens != "original")
    map.warning("server_tokens", "one of Original, Minimal, ProductOnly is expected; Original is taken");
}

bool usable_in_keys(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '/' || c == ',' || (c >= 0 && c < ' '); });
}

}  // namespace

void read_scope(YamlMap root, std::string& scope, std::string& dcs_namespace) {
  if (root.required("scope", scope, "the name of the cluster, the same on all its nodes, e.g. scope: main") &&
      !usable_in_keys(scope))
    root.error("scope", "must contain no slash, comma or control character: it becomes part of etcd's keys");
  std::string given;
  if (root.text("namespace", given)) dcs_namespace = normalize_namespace(given);
}

void read_etcd(YamlMap root, EtcdConfig& into) {
  constexpr std::array kOtherStores{"consul", "exhibitor", "kubernetes", "raft", "zookeeper"};
  const bool v3 = root.has("etcd3");
  const bool v2 = root.has("etcd");
  root.known({"consul", "exhibitor", "kubernetes", "raft", "zookeeper"});
  if (v3 && v2) root.warning("etcd", "has no effect beside etcd3");
  if (v3) return read_etcd_section(root.section("etcd3"), into);
  if (v2) {
    root.warning(
        "etcd", "is read as etcd3: only protocol version 3 is spoken, whose keys are not those of version 2");
    return read_etcd_section(root.section("etcd"), into);
  }
  for (const auto* store : kOtherStores)
    if (root.has(store)) return root.error(store, "is not supported; use etcd3");
  root.missing(
      "etcd3",
      "name the endpoints of etcd, e.g. etcd3: {hosts: [10.0.0.1:2379, 10.0.0.2:2379, 10.0.0.3:2379]}");
}

void read_restapi(YamlMap root, RestApiConfig& into) {
  using Verify = RestApiConfig::VerifyClient;
  constexpr std::array<std::pair<std::string_view, Verify>, 3> kVerify{
      {{"none", Verify::none}, {"optional", Verify::optional}, {"required", Verify::required}}};
  auto map = root.section("restapi");
  const bool listens = read_listen(map, "listen", into.listen, kRestPort);
  const bool connects = read_connect_address(map, "connect_address", into.connect_address, kRestPort);
  if (!map.has("listen") && !map.has("connect_address"))
    map.missing("connect_address", "the address of the REST API as other nodes reach it, e.g. 10.0.0.1:8008");
  if (listens && !map.has("connect_address")) {
    if (is_wildcard(into.listen.front().host))
      map.missing("connect_address",
                  "listen has no address that others could use; e.g. connect_address: 10.0.0.1:8008");
    else
      into.connect_address = to_string(into.listen.front());
  }
  if (connects && !map.has("listen"))
    if (const auto address = parse_host_port(into.connect_address, kRestPort)) into.listen = {*address};
  read_login(map.section("authentication"), into.username, into.password);
  map.text("certfile", into.certfile);
  map.text("keyfile", into.keyfile);
  map.text("keyfile_password", into.keyfile_password);
  map.text("cafile", into.cafile);
  map.text("ciphers", into.ciphers);
  map.choice<Verify>("verify_client", kVerify, into.verify_client);
  if (into.verify_client != Verify::none && into.cafile.empty())
    map.missing("cafile", "verify_client needs the authority that signs the clients' certificates");
  if (into.certfile.empty() && (into.verify_client != Verify::none || !into.keyfile.empty()))
    map.missing("certfile", "TLS needs the server's certificate");
  map.known({"thread_pool_size"});  // requests are not served by threads
  read_callers(map, into);
  read_answers(map, into);
}

void read_ctl(YamlMap root, CtlConfig& into) {
  auto rest = root.section("restapi");
  rest.text("cafile", into.files.cacert);
  read_auth(rest, into.username, into.password);
  read_login(rest.section("authentication"), into.username, into.password);
  auto map = root.section("ctl");
  map.flag("insecure", into.insecure);
  map.text("cacert", into.files.cacert);
  map.text("certfile", into.files.cert);
  map.text("keyfile", into.files.key);
  map.text("keyfile_password", into.files.key_password);
  read_auth(map, into.username, into.password);
  auto login = map.section("authentication");
  if (login.has("username")) read_login(login, into.username, into.password);
  login.known({"username", "password"});
}

namespace {

// "%(asctime)s %(levelname)-8s" -> asctime, levelname
std::vector<LogConfig::Field> attributes_in(std::string_view format) {
  std::vector<LogConfig::Field> fields;
  for (auto at = format.find("%("); at != std::string_view::npos; at = format.find("%(", at + 1)) {
    const auto end = format.find(')', at);
    if (end == std::string_view::npos) break;
    const std::string name(format.substr(at + 2, end - at - 2));
    fields.push_back({name, name});
  }
  return fields;
}

// A text; or, for JSON, a list of attributes, each perhaps as attribute: key.
void read_log_format(YamlMap map, LogConfig& into) {
  const auto* node = map.node("format");
  if (!node) return;
  if (node->kind == YamlNode::Kind::scalar) {
    auto fields = attributes_in(node->text);
    if (fields.empty()) return map.mismatch("format", "a text with attributes such as %(asctime)s");
    into.format = node->text;
    into.fields = std::move(fields);
    return;
  }
  if (node->kind != YamlNode::Kind::list || !into.json)
    return map.mismatch("format", into.json ? "a text or a list of attributes" : "a text");
  into.fields.clear();
  for (const auto& item : node->list) {
    if (item.kind == YamlNode::Kind::scalar) into.fields.push_back({item.text, item.text});
    for (const auto& [attribute, key] : item.map) into.fields.push_back({attribute, key.text});
  }
}

void read_log_file(YamlMap map, LogConfig& into) {
  map.text("dir", into.dir);
  std::int64_t number = 0;
  if (map.integer("mode", 0, 0777, number)) into.mode = static_cast<int>(number);
  if (map.integer("file_size", 1, std::numeric_limits<std::int64_t>::max(), number))
    into.file_size = static_cast<std::size_t>(number);
  if (map.integer("file_num", 0, 1000, number)) into.file_num = static_cast<std::size_t>(number);
}

}  // namespace

void read_log(YamlMap root, LogConfig& into) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kLevels{{{"DEBUG", "DEBUG"},
                                                                                  {"INFO", "INFO"},
                                                                                  {"WARNING", "WARNING"},
                                                                                  {"WARN", "WARNING"},
                                                                                  {"ERROR", "ERROR"},
                                                                                  {"CRITICAL", "CRITICAL"},
                                                                                  {"FATAL", "CRITICAL"}}};
  constexpr std::array<std::pair<std::string_view, bool>, 2> kTypes{{{"plain", false}, {"json", true}}};
  auto map = root.section("log");
  std::string_view chosen = into.level;
  if (map.choice<std::string_view>("level", kLevels, chosen)) into.level = chosen;
  map.choice<bool>("type", kTypes, into.json);
  read_log_format(map, into);
  map.text("dateformat", into.dateformat);
  if (const auto* node = map.node("static_fields")) {
    if (node->kind == YamlNode::Kind::map)
      into.static_fields = to_json(*node).get_object();
    else
      map.mismatch("static_fields", "a map of keys and values");
  }
  read_log_file(map, into);
  // They name parts of Patroni, or what Python does with an exception.
  map.known({"loggers", "traceback_level", "max_queue_size", "deduplicate_heartbeat_logs"});
}

bool read_connect_address(YamlMap map, std::string_view key, std::string& into,
                          std::optional<std::uint16_t> default_port) {
  std::string text;
  if (!map.text(key, text)) return false;
  const auto address = parse_host_port(text, default_port);
  if (!address) {
    map.error(key, address.error().message);
    return false;
  }
  if (is_wildcard(address->host)) {
    map.error(key,
              fmt::format("{} is no address that others could connect to; name this host", address->host));
    return false;
  }
  into = to_string(*address);
  return true;
}

bool read_listen(YamlMap map, std::string_view key, std::vector<HostPort>& into,
                 std::optional<std::uint16_t> default_port) {
  std::string text;
  if (!map.text(key, text)) return false;
  auto addresses = parse_listen(text, default_port);
  if (!addresses) {
    map.error(key, addresses.error().message);
    return false;
  }
  into = std::move(*addresses);
  return true;
}

}  // namespace holdfast::patroni
