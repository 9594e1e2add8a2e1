// Which server a cancel key belongs to, over all event loops.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "pg/wire.hpp"
#include "routing/routing_table.hpp"

namespace holdfast::router {

// A key is the server's own. Two servers may give out the same by chance; then a request goes to both, and
// the one it was not meant for may cancel a query it should not: once in 2^32 per process id, as with one
// server.
class CancelKeys {
 public:
  void add(const pg::wire::CancelKey& key, const routing::Server& server);
  void remove(const pg::wire::CancelKey& key, const routing::Server& server);
  std::vector<routing::Server> servers_of(const pg::wire::CancelKey& key) const;

 private:
  mutable std::mutex mutex_;
  std::multimap<pg::wire::CancelKey, routing::Server> servers_;
};

}  // namespace holdfast::router
