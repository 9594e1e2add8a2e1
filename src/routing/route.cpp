#include "routing/route.hpp"

#include <fmt/format.h>

namespace holdfast::routing {
namespace {

std::variant<Assignment, Wait> choose_leader(const RoutingTable& table, Port port) {
  if (table.revision == 0) return Wait{"etcd has not been read yet"};
  if (!table.has_leader) return Wait{"no leader"};
  if (!table.leader.has_address())
    return Wait{fmt::format("leader {} has no address", table.leader.server.name)};
  return Assignment{port, table.leader.server, table.epoch, true};
}

const Replica* least_loaded(const RoutingTable& table, const RouteOptions& options) {
  const Replica* best = nullptr;
  std::size_t fewest = 0;
  const auto count = table.replicas.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto& replica = table.replicas[(options.turn + i) % count];
    if (!replica.takes_clients) continue;
    const auto sessions = options.sessions ? options.sessions(replica.server) : 0;
    if (best != nullptr && sessions >= fewest) continue;
    best = &replica;
    fewest = sessions;
  }
  return best;
}

std::string no_replica(const RoutingTable& table) {
  if (table.revision == 0) return "etcd has not been read yet";
  if (table.replicas.empty()) return "no replica";
  std::string reasons;
  for (const auto& replica : table.replicas)
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", replica.server.name, replica.why_not);
  return fmt::format("no replica takes clients ({})", reasons);
}

}  // namespace

std::string_view to_string(Port port) { return port == Port::read_write ? "read-write" : "read-only"; }

std::variant<Assignment, Wait> choose(const RoutingTable& table, Port port, const RouteOptions& options) {
  if (port == Port::read_write) return choose_leader(table, port);
  if (const auto* replica = least_loaded(table, options))
    return Assignment{port, replica->server, table.epoch, false};
  if (options.read_only_fallback) return choose_leader(table, port);
  return Wait{no_replica(table)};
}

std::optional<std::string> must_leave(const RoutingTable& table, const Assignment& session,
                                      bool read_only_fallback) {
  const bool leads = table.has_leader && table.leader.server.name == session.server.name;
  if (session.as_leader && session.port == Port::read_write) {
    if (table.epoch <= session.epoch || !table.has_leader) return std::nullopt;
    if (!leads)
      return fmt::format("the leader is {} now, no longer {}", table.leader.server.name, session.server.name);
    if (table.leader.has_address() && table.leader.server != session.server)
      return fmt::format("leader {} has moved to another address", session.server.name);
    return std::nullopt;
  }
  if (leads) {
    if (session.as_leader || read_only_fallback) return std::nullopt;
    return fmt::format("{} is the leader now, no longer a replica", session.server.name);
  }
  const auto* replica = table.replica(session.server.name);
  if (replica == nullptr) return fmt::format("{} is no longer a member", session.server.name);
  if (replica->server.address.port != 0 && replica->server != session.server)
    return fmt::format("{} has moved to another address", session.server.name);
  return std::nullopt;
}

bool may_serve(const RoutingTable& table, const Assignment& session, Recovery reported) {
  if (session.port == Port::read_only) return true;
  if (!table.has_leader || table.leader.server != session.server) return false;
  return reported == Recovery::primary || (reported == Recovery::unknown && table.leader.says_primary);
}

}  // namespace holdfast::routing
