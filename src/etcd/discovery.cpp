#include "etcd/discovery.hpp"

#include <array>
#include <fmt/format.h>

#include "system/dns_srv.hpp"

namespace holdfast::etcd {
namespace {

using Found = base::Result<std::list<net::HttpEndpoint>>;

struct Service {
  std::string_view name;
  bool tls;
};
constexpr std::array kServices{Service{"_etcd-client-ssl", true}, Service{"_etcd-client", false},
                               Service{"_etcd-ssl", true}, Service{"_etcd", false}};

Found look_up(const std::string& domain, const std::string& suffix, std::optional<std::uint16_t> server) {
  for (const auto& service : kServices) {
    const auto name = fmt::format("{}{}{}._tcp.{}", service.name, suffix.empty() ? "" : "-", suffix, domain);
    auto records = system::find_srv_records(name, server);
    if (!records) return std::unexpected(std::move(records.error()));
    std::list<net::HttpEndpoint> endpoints;
    for (const auto& record : *records) endpoints.push_back({service.tls, record.host, record.port});
    if (!endpoints.empty()) return endpoints;
  }
  return base::fail(base::ErrorKind::unreachable,
                    "etcd3.srv: {} has no SRV records _etcd-client-ssl, _etcd-client, _etcd-ssl or _etcd{}",
                    domain, suffix.empty() ? "" : fmt::format(" with the suffix -{}", suffix));
}

}  // namespace

base::Task<Found> Discovery::find() {
  co_return co_await worker_.run([domain = domain_, suffix = suffix_, server = name_server_port_] {
    return look_up(domain, suffix, server);
  });
}

}  // namespace holdfast::etcd
