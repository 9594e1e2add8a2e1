#include "ctl/ctl_config.hpp"

#include <fmt/ranges.h>

#include "patroni/config_sections.hpp"
#include "patroni/host_port.hpp"
#include "patroni/keys.hpp"
#include "patroni/yaml_reader.hpp"

namespace holdfast::ctl {
namespace {

using base::ErrorKind;

constexpr std::uint16_t kEtcdPort = 2379;

// patronictl's --dcs-url: etcd3://host:port/namespace, of which everything but the host may be left out; here
// also with several hosts, and https:// for TLS.
base::Result<void> apply_dcs_url(std::string_view url, CtlSettings& settings) {
  auto rest = url;
  if (const auto scheme_end = url.find("://"); scheme_end != std::string_view::npos) {
    const auto scheme = url.substr(0, scheme_end);
    if (scheme != "etcd" && scheme != "etcd3" && scheme != "http" && scheme != "https")
      return base::fail(ErrorKind::invalid,
                        "--dcs-url {}: the scheme {} is not known; write etcd3://host:port/namespace", url,
                        scheme);
    if (scheme == "http" || scheme == "https") settings.etcd.tls = scheme == "https";
    rest.remove_prefix(scheme_end + 3);
  }
  const auto slash = std::min(rest.find('/'), rest.size());
  auto hosts = rest.substr(0, slash);
  if (rest.size() > slash + 1) settings.dcs_namespace = patroni::normalize_namespace(rest.substr(slash));
  settings.etcd.hosts.clear();
  settings.etcd.srv.clear();
  while (!hosts.empty()) {
    const auto comma = std::min(hosts.find(','), hosts.size());
    auto address = patroni::parse_host_port(hosts.substr(0, comma), kEtcdPort);
    if (!address) return base::in("--dcs-url", address.error());
    settings.etcd.hosts.push_back(std::move(*address));
    hosts.remove_prefix(std::min(comma + 1, hosts.size()));
  }
  if (settings.etcd.hosts.empty() && settings.etcd.srv.empty())
    settings.etcd.hosts.push_back({"localhost", kEtcdPort});
  return {};
}

}  // namespace

base::Result<CtlSettings> read_ctl_settings(std::string_view yaml, std::string file_name,
                                            const patroni::Environment& environment,
                                            const std::optional<std::string>& dcs_url) {
  auto reader = patroni::YamlReader::parse(yaml, file_name);
  if (!reader) return std::unexpected(reader.error());
  patroni::apply_environment(reader->tree(), environment);
  auto root = reader->root();
  CtlSettings settings;
  std::string given_namespace;
  root.text("scope", settings.scope);
  if (root.text("namespace", given_namespace))
    settings.dcs_namespace = patroni::normalize_namespace(given_namespace);
  patroni::read_ctl(root, settings.rest);
  const bool has_etcd = root.has("etcd3") || root.has("etcd");
  if (has_etcd || (!dcs_url && !yaml.empty())) patroni::read_etcd(root, settings.etcd);
  if (const auto errors = reader->finish().errors; !errors.empty())
    return base::fail(ErrorKind::invalid, "{}", fmt::join(errors, "\n"));
  if (dcs_url) {
    if (auto applied = apply_dcs_url(*dcs_url, settings); !applied) return std::unexpected(applied.error());
  } else if (!has_etcd) {
    return base::fail(ErrorKind::invalid, "{}", kNoEtcd);
  }
  return settings;
}

}  // namespace holdfast::ctl
