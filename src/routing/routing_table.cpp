#include "routing/routing_table.hpp"

#include <algorithm>

namespace holdfast::routing {
namespace {

Replica to_replica(const Observation::Member& member) {
  std::string why_not;
  if (member.server.address.port == 0)
    why_not = "has no address";
  else if (!member.running)
    why_not = "not running";
  else if (member.no_load_balance)
    why_not = "tagged noloadbalance";
  else if (!member.streaming)
    why_not = "not streaming";
  const bool takes_clients = why_not.empty();
  return {member.server, takes_clients, std::move(why_not)};
}

}  // namespace

const Replica* RoutingTable::replica(std::string_view name) const {
  const auto found = std::ranges::find(
      replicas, name, [](const Replica& replica) -> std::string_view { return replica.server.name; });
  return found == replicas.end() ? nullptr : &*found;
}

RoutingTable advance(const RoutingTable& seen, const Observation& now) {
  const bool has_leader = !now.leader.empty();
  if (now.revision < seen.revision || (has_leader && now.epoch < seen.epoch)) return seen;
  RoutingTable table{
      .revision = now.revision, .epoch = has_leader ? now.epoch : seen.epoch, .has_leader = has_leader};
  table.leader.server.name = now.leader;
  for (const auto& member : now.members) {
    if (has_leader && member.server.name == now.leader) {
      table.leader = {member.server, member.says_primary};
    } else {
      table.replicas.push_back(to_replica(member));
    }
  }
  std::ranges::sort(table.replicas, {}, [](const Replica& replica) { return replica.server.name; });
  return table;
}

bool same_routes(const RoutingTable& a, const RoutingTable& b) {
  return a.epoch == b.epoch && a.has_leader == b.has_leader && a.leader == b.leader &&
         a.replicas == b.replicas;
}

}  // namespace holdfast::routing
