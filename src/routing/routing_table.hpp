// Who may get clients: an immutable table made from what etcd said, posted to every event loop of the router.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "routing/router_config.hpp"

namespace holdfast::routing {

using Epoch = std::int64_t;  // the leader key's create revision: grows with every new leadership

struct Server {
  std::string name;
  Endpoint address;

  bool operator==(const Server&) const = default;
};

struct Leader {
  Server server;              // an address with port 0: not known
  bool says_primary = false;  // its member entry has role `primary`: PostgreSQL has been promoted

  bool has_address() const { return server.address.port != 0; }
  bool operator==(const Leader&) const = default;
};

struct Replica {
  Server server;
  bool takes_clients = false;  // running, streaming, and not tagged noloadbalance
  std::string why_not;         // "not streaming", for people

  bool operator==(const Replica&) const = default;
};

struct RoutingTable {
  std::int64_t revision = 0;  // of etcd, as of which this is true; 0: nothing has been read yet
  Epoch epoch = 0;            // the highest ever seen, also while there is no leader
  bool has_leader = false;
  Leader leader;                  // meaningful only with has_leader
  std::vector<Replica> replicas;  // every member but the leader, in order of name

  const Replica* replica(std::string_view name) const;
  bool operator==(const RoutingTable&) const = default;
};

// What etcd says now, before it is compared with what was seen earlier.
struct Observation {
  struct Member {
    Server server;  // an address with port 0: not known
    bool running = false;
    bool streaming = false;
    bool says_primary = false;
    bool no_load_balance = false;
  };
  std::int64_t revision = 0;
  std::string leader;  // empty: no leader key
  Epoch epoch = 0;     // of that key
  std::vector<Member> members;
};

// The table after `now`. Time never runs backwards in it: an observation older than `seen`, or a leader of a
// smaller epoch than one already seen, changes nothing. (A member of etcd that was cut off may still answer,
// or etcd may have been restored from a backup; a router that followed it would send clients to a deposed
// leader.)
RoutingTable advance(const RoutingTable& seen, const Observation& now);

// Equal but for the revision, which grows with every heartbeat.
bool same_routes(const RoutingTable& a, const RoutingTable& b);

}  // namespace holdfast::routing
