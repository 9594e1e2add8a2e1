// ports::Dcs of one agent process: its connection to etcd through the network.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ports/dcs.hpp"
#include "sim/etcd.hpp"
#include "sim/loop.hpp"
#include "sim/physics.hpp"

namespace holdfast::sim {

class Dcs final : public ports::Dcs {
 public:
  Dcs(Physics& physics, Etcd& etcd, Loop& loop, Place here);

  base::Task<base::Result<ports::DcsSnapshot>> read(std::string prefix, base::Instant deadline) override;
  base::Task<base::Result<std::int64_t>> commit(ports::Transaction transaction,
                                                base::Instant deadline) override;
  base::Task<base::Result<ports::DcsLease>> grant(Duration ttl, base::Instant deadline) override;
  base::Task<base::Result<void>> keep_alive(std::int64_t lease, base::Instant deadline) override;
  base::Task<base::Result<void>> revoke(std::int64_t lease, base::Instant deadline) override;
  std::unique_ptr<ports::DcsWatch> watch(std::string prefix, std::int64_t from_revision) override;

 private:
  template <class T>
  base::Task<base::Result<T>> call(std::string what, base::Instant deadline,
                                   std::function<base::Result<T>(Etcd&)> execute);

  Physics& physics_;
  Etcd& etcd_;
  Loop& loop_;
  Place here_;
  std::int64_t newest_revision_ = 0;
};

// A watch of etcd from some place, for agents and for clients. Calls back, in order and none lost, as long as
// it lives.
class WatchConnection {
 public:
  using Deliver = std::function<void(base::Result<std::vector<ports::WatchEvent>>)>;

  WatchConnection(Physics& physics, Etcd& etcd, Place here, std::string prefix, std::int64_t from,
                  Deliver deliver);

  // What is on the way is lost, and nothing comes until it has connected again.
  void lose_connection(Duration for_how_long);

 private:
  void poke();
  void carry();

  Physics& physics_;
  Etcd& etcd_;
  Place here_;
  std::string prefix_;
  std::int64_t next_;
  Deliver deliver_;
  Moment connected_again_{};
  Timer on_its_way_;
  Etcd::Subscription subscription_;
};

}  // namespace holdfast::sim
