#include "router/cancel_keys.hpp"

namespace holdfast::router {

void CancelKeys::add(const pg::wire::CancelKey& key, const routing::Server& server) {
  const std::lock_guard lock(mutex_);
  servers_.emplace(key, server);
}

void CancelKeys::remove(const pg::wire::CancelKey& key, const routing::Server& server) {
  const std::lock_guard lock(mutex_);
  for (auto [at, end] = servers_.equal_range(key); at != end; ++at) {
    if (at->second != server) continue;
    servers_.erase(at);
    return;
  }
}

std::vector<routing::Server> CancelKeys::servers_of(const pg::wire::CancelKey& key) const {
  const std::lock_guard lock(mutex_);
  std::vector<routing::Server> servers;
  for (auto [at, end] = servers_.equal_range(key); at != end; ++at) servers.push_back(at->second);
  return servers;
}

}  // namespace holdfast::router
