#include "router/counters.hpp"

namespace holdfast::router {

ServerNumbers<Count>& LoopCounters::server(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& numbers = servers_[name];
  if (!numbers) numbers = std::make_unique<ServerNumbers<Count>>();
  return *numbers;
}

std::uint64_t LoopCounters::sessions_on(const std::string& server) const {
  const std::lock_guard lock(mutex_);
  const auto found = servers_.find(server);
  return found == servers_.end() ? 0 : found->second->sessions.get();
}

void LoopCounters::add_to(Traffic& sum) const {
  for (std::size_t i = 0; i < kPorts; ++i) {
    sum.ports[i].accepted += ports[i].accepted.get();
    sum.ports[i].sessions += ports[i].sessions.get();
    sum.ports[i].held += ports[i].held.get();
    sum.ports[i].ever_held += ports[i].ever_held.get();
  }
  for (std::size_t i = 0; i < kEndKinds; ++i) sum.ends[i] += ends[i].get();
  sum.connections += connections.get();
  sum.cancels_relayed += cancels_relayed.get();
  sum.cancels_unknown += cancels_unknown.get();
  const std::lock_guard lock(mutex_);
  for (const auto& [name, numbers] : servers_) {
    auto& server = sum.servers[name];
    server.sessions += numbers->sessions.get();
    server.connects += numbers->connects.get();
    server.connect_failures += numbers->connect_failures.get();
    server.bytes_to_server += numbers->bytes_to_server.get();
    server.bytes_from_server += numbers->bytes_from_server.get();
  }
}

}  // namespace holdfast::router
