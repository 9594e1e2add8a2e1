// Clients that write rows and remember what they were told, through a router or stuck to one host.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sim/dcs.hpp"
#include "sim/invariants.hpp"
#include "sim/server.hpp"

namespace holdfast::sim {

struct ClientCounts {
  std::uint64_t acknowledged = 0, unknown = 0, refused = 0;
};

class Client {
 public:
  // With `stuck_to`, it writes to this host whoever leads; otherwise it follows the leader key as the router
  // does: the epoch never goes back, and a new epoch breaks what is under way.
  Client(Site& site, Etcd& etcd, Judge& judge, int number, Host* stuck_to);

  Place place() const { return place_; }
  const ClientCounts& counts() const { return counts_; }
  void rest() { resting_ = true; }  // nothing new is written

 private:
  void watch(Etcd& etcd);
  void follow_leader(const std::vector<ports::WatchEvent>& events);
  void act();
  void write(Host& host);
  void read_own(Host& host);
  void outcome(CommitId id, CommitOutcome outcome);
  void next_soon();

  Site& site_;
  Judge& judge_;
  base::Random chance_;
  std::string name_;
  Place place_;
  Host* host_;  // where it writes; null: no leader
  std::int64_t epoch_ = 0;
  CommitId next_id_;
  CommitId pending_ = 0;
  CommitId last_acknowledged_ = 0;
  bool resting_ = false;
  ClientCounts counts_;
  Timer next_, patience_, rewatch_;
  std::shared_ptr<Client*> self_;  // answers that arrive late find nobody
  std::optional<WatchConnection> watch_;
};

}  // namespace holdfast::sim
