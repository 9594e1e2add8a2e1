#include <boost/json.hpp>

#include "patroni/json_text.hpp"
#include "patroni/rest_json.hpp"
#include "router/reports.hpp"

namespace holdfast::router {
namespace {

namespace json = boost::json;

json::object etcd_json(const Overview& overview) {
  const auto& known = overview.cluster;
  json::object out{{"answers", known.etcd_problem.empty()}, {"revision", known.table.revision}};
  if (!known.etcd_problem.empty()) out["problem"] = known.etcd_problem;
  if (known.table.revision != 0)
    out["silence_seconds"] = std::chrono::duration<double>(overview.now - known.heard_at).count();
  return out;
}

json::object server_json(const routing::Server& server, std::string_view role, const Traffic& traffic) {
  const auto found = traffic.servers.find(server.name);
  const auto numbers = found == traffic.servers.end() ? ServerNumbers<std::uint64_t>{} : found->second;
  return {{"name", server.name},
          {"role", role},
          {"host", server.address.host},
          {"port", server.address.port},
          {"sessions", numbers.sessions},
          {"connects", numbers.connects},
          {"connect_failures", numbers.connect_failures},
          {"bytes_to_server", numbers.bytes_to_server},
          {"bytes_from_server", numbers.bytes_from_server}};
}

json::array servers_json(const Overview& overview) {
  const auto& table = overview.cluster.table;
  json::array servers;
  if (table.has_leader) {
    auto leader = server_json(table.leader.server, "leader", overview.traffic);
    leader["takes_clients"] = table.leader.has_address();
    leader["says_primary"] = table.leader.says_primary;
    servers.push_back(std::move(leader));
  }
  for (const auto& replica : table.replicas) {
    auto out = server_json(replica.server, "replica", overview.traffic);
    out["takes_clients"] = replica.takes_clients;
    if (!replica.takes_clients) out["why_not"] = replica.why_not;
    servers.push_back(std::move(out));
  }
  return servers;
}

json::object ports_json(const Traffic& traffic) {
  json::object out;
  for (const auto port : {routing::Port::read_write, routing::Port::read_only}) {
    const auto& numbers = traffic.ports[static_cast<std::size_t>(port)];
    out[to_string(port)] = {{"sessions", numbers.sessions},
                            {"held", numbers.held},
                            {"accepted", numbers.accepted},
                            {"ever_held", numbers.ever_held}};
  }
  return out;
}

json::object ends_json(const Traffic& traffic, bool errors) {
  json::object out;
  for (std::size_t i = 0; i < kEndKinds; ++i) {
    const auto kind = static_cast<routing::EndKind>(i);
    if (is_error(kind) == errors) out[to_string(kind)] = traffic.ends[i];
  }
  return out;
}

}  // namespace

std::string status_text(const Overview& overview) {
  const auto& traffic = overview.traffic;
  const auto& table = overview.cluster.table;
  const json::object out{
      {"scope", overview.scope},
      {"version", HOLDFAST_VERSION},
      {"etcd", etcd_json(overview)},
      {"epoch", table.epoch},
      {"leader", table.has_leader ? json::value(table.leader.server.name) : json::value()},
      {"connections", traffic.connections},
      {"ports", ports_json(traffic)},
      {"servers", servers_json(overview)},
      {"ends", ends_json(traffic, false)},
      {"errors", ends_json(traffic, true)},
      {"cancel_requests", {{"known", traffic.cancels_relayed}, {"unknown", traffic.cancels_unknown}}},
      {"cluster", patroni::cluster_json(overview.cluster.contents, overview.scope)},
  };
  return patroni::to_json_text(out, patroni::JsonLayout::compact);
}

std::string cluster_text(const Overview& overview) {
  auto out = patroni::cluster_json(overview.cluster.contents, overview.scope);
  const auto& table = overview.cluster.table;
  out["holdfast"] = {{"version", HOLDFAST_VERSION},
                     {"epoch", table.epoch},
                     {"router",
                      {{"etcd", etcd_json(overview)},
                       {"connections", overview.traffic.connections},
                       {"ports", ports_json(overview.traffic)}}}};
  return patroni::to_json_text(out, patroni::JsonLayout::spaced);
}

}  // namespace holdfast::router
