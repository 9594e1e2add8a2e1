// A model of etcd: one linearizable store with revisions, leases, transactions and watches, and what goes
// wrong with it. https://etcd.io/docs/v3.4/learning/api/
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ports/dcs.hpp"
#include "sim/physics.hpp"

namespace holdfast::sim {

class Etcd {
 public:
  explicit Etcd(Physics& physics);

  Place place() const { return place_; }

  // A request that has arrived: executed now, or later when etcd is slow, or perhaps when it has a quorum
  // again.
  void request(Callback execute);
  bool loses_answer() { return chance_.chance(trouble.answer_lost); }
  bool answers_stale() { return chance_.chance(trouble.stale); }

  // The store, as its leader executes a request.
  // -------------------------------------------------------------------
  ports::DcsSnapshot read(std::string_view prefix) const;
  base::Result<std::int64_t> commit(const ports::Transaction& transaction);
  ports::DcsLease grant(Duration ttl);
  base::Result<void> keep_alive(std::int64_t lease);
  base::Result<void> revoke(std::int64_t lease);

  // Events of one revision at least `from`, below `prefix`; conflict when they were compacted away.
  base::Result<std::vector<ports::WatchEvent>> events_since(std::string_view prefix, std::int64_t from) const;

  // Called after every revision, until the subscription is destroyed.
  using Subscription = std::shared_ptr<void>;
  [[nodiscard]] Subscription subscribe(std::function<void()> on_revision);

  // The truth, for those who judge.
  // -------------------------------------------------------------------------------
  std::int64_t revision() const { return revision_; }
  const ports::KeyValue* get(std::string_view key) const;
  void on_change(std::function<void(const ports::WatchEvent&)> judge) { judge_ = std::move(judge); }

  // Faults.
  // -------------------------------------------------------------------------------------------------------
  struct Trouble {
    double answer_lost = 0;  // the request was executed, nobody learns of it
    double stale = 0;        // a member that lags answers a read
    Duration slow{};         // up to this much longer for each request
  };
  Trouble trouble;

  bool has_quorum() const { return has_quorum_; }
  // Without a quorum nothing is executed and no lease ends; the leader elected afterwards gives every lease
  // its full TTL again, as etcd's lessor does when promoted.
  void lose_quorum();
  void elect();
  void lose_leases(std::string_view of_key);  // the lease of this key ends now
  void compact();

 private:
  struct Lease {
    Duration ttl{};
    Timer ends;
    std::set<std::string, std::less<>> keys;
  };

  bool holds(const ports::Compare& condition) const;
  void apply(const ports::Write& write);
  void put(const ports::Put& put);
  void remove(const std::string& key);
  void publish(ports::WatchEvent event);
  void announce();
  void renew(std::int64_t id, Lease& lease);
  void end_lease(std::int64_t id);

  Physics& physics_;
  Place place_;
  base::Random chance_;
  std::map<std::string, ports::KeyValue, std::less<>> keys_;
  std::map<std::int64_t, Lease> leases_;
  std::vector<ports::WatchEvent> events_;
  std::int64_t revision_ = 1;
  std::int64_t compacted_ = 0;  // events up to this revision are gone
  std::int64_t last_lease_ = 7'000'000;
  std::uint64_t term_ = 2;
  bool has_quorum_ = true;
  std::vector<Callback> undecided_;  // in the log of a leader without quorum
  std::vector<std::weak_ptr<std::function<void()>>> subscribers_;
  std::function<void(const ports::WatchEvent&)> judge_;
};

}  // namespace holdfast::sim
