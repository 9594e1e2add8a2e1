#include "patroni/router_config_file.hpp"

#include <charconv>
#include <cmath>
#include <fmt/ranges.h>
#include <map>

#include "patroni/config_sections.hpp"
#include "patroni/host_port.hpp"
#include "patroni/yaml_reader.hpp"

namespace holdfast::patroni {
namespace {

using base::Duration;
using routing::Endpoint;
using routing::RouterConfig;

// Longer than anybody means, short enough to be counted in nanoseconds.
constexpr double kLongestSeconds = 7 * 24 * 3600;
constexpr std::int64_t kMostConnections = 1'000'000;

void read_endpoint(YamlMap map, std::string_view key, Endpoint& into) {
  std::string text;
  if (!map.text(key, text)) return;
  const auto address = parse_host_port(text, std::nullopt);
  if (!address) return map.error(key, address.error().message);
  into = {address->host, address->port};
}

void read_seconds(YamlMap map, std::string_view key, double least, Duration& into) {
  std::string text;
  if (!map.text(key, text)) return;
  double seconds = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, seconds);
  if (parsed.ec != std::errc() || parsed.ptr != end || !(seconds >= least) || seconds > kLongestSeconds)
    return map.mismatch(key, fmt::format("a number of seconds from {:g} to {:g}", least, kLongestSeconds));
  into = std::chrono::round<Duration>(std::chrono::duration<double>(seconds));
}

void read_count(YamlMap map, std::string_view key, std::int64_t least, std::int64_t most,
                std::uint32_t& into) {
  std::int64_t number = 0;
  if (map.integer(key, least, most, number)) into = static_cast<std::uint32_t>(number);
}

// Two listeners cannot share an address; better said here than by bind().
void refuse_shared_addresses(YamlMap map, const RouterConfig& router) {
  const std::pair<std::string_view, const Endpoint*> uses[] = {{"read_write", &router.read_write},
                                                               {"read_only", &router.read_only},
                                                               {"dashboard", &router.dashboard},
                                                               {"api", &router.api}};
  std::map<std::pair<std::string, std::uint16_t>, std::string_view> taken;
  for (const auto& [key, endpoint] : uses) {
    const auto [at, is_free] = taken.try_emplace({endpoint->host, endpoint->port}, key);
    if (!is_free)
      map.error(key, fmt::format("has the same address as {}: {}", at->second,
                                 to_string(HostPort{endpoint->host, endpoint->port})));
  }
}

void read_router(YamlMap map, RouterConfig& into) {
  read_endpoint(map, "read_write", into.read_write);
  read_endpoint(map, "read_only", into.read_only);
  read_endpoint(map, "dashboard", into.dashboard);
  read_endpoint(map, "api", into.api);
  refuse_shared_addresses(map, into);
  map.flag("read_only_fallback", into.read_only_fallback);
  read_seconds(map, "hold_timeout", 0, into.hold_timeout);
  read_seconds(map, "connect_timeout", 0.01, into.connect_timeout);
  read_seconds(map, "login_timeout", 0.1, into.login_timeout);
  read_seconds(map, "drain_timeout", 0, into.drain_timeout);
  read_count(map, "maxconn", 1, kMostConnections, into.maxconn);
  read_count(map, "max_held", 0, kMostConnections, into.max_held);
  read_count(map, "threads", 0, 1024, into.threads);
}

}  // namespace

base::Result<LoadedRouterFile> load_router_config(std::string_view yaml, std::string file_name) {
  auto reader = YamlReader::parse(yaml, std::move(file_name));
  if (!reader) return std::unexpected(reader.error());
  LoadedRouterFile loaded;
  auto root = reader->root();
  read_scope(root, loaded.config.scope, loaded.config.dcs_namespace);
  read_etcd(root, loaded.config.etcd);
  read_router(root.section("router"), loaded.config.router);
  read_ctl(root, loaded.config.ctl);
  read_log(root, loaded.config.log);
  auto report = reader->finish();
  if (!report.errors.empty())
    return base::fail(base::ErrorKind::invalid, "{}", fmt::join(report.errors, "\n"));
  loaded.warnings = std::move(report.warnings);
  return loaded;
}

}  // namespace holdfast::patroni
