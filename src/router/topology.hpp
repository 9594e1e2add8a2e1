// Follows the cluster in etcd: one consistent read, then a watch, and a new routing table for every change
// that matters to it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/event.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "patroni/dcs_values.hpp"
#include "patroni/keys.hpp"
#include "ports/clock.hpp"
#include "ports/dcs.hpp"
#include "routing/routing_table.hpp"

namespace holdfast::router {

// What matters to routing in what etcd says.
routing::Observation to_observation(const ha::ClusterView& view);

// "b (127.0.0.1:5433) leads in epoch 15; replicas: a, c (not streaming)": for the log.
std::string describe(const routing::RoutingTable& table);

class Topology {
 public:
  using Publish = std::function<void(const routing::RoutingTable&)>;
  // Whether this member says, by `deadline`, that it leads without etcd, in failsafe mode.
  using AskLeader = std::function<base::Task<bool>(ha::Member leader, base::Instant deadline)>;

  // What is known of the cluster and how well.
  struct Knowledge {
    patroni::DcsContents contents;
    routing::RoutingTable table;
    std::string etcd_problem = "not read yet";  // empty: etcd answers
    base::Instant heard_at;                     // from etcd, last; meaningful once table.revision is not 0
  };

  // `publish` is called with every table that differs from the last one.
  Topology(ports::Clock& clock, ports::Dcs& dcs, patroni::Keys keys, Publish publish, AskLeader ask_leader);

  // Never ends; destroy the task. While etcd does not answer the last table stays in force. While etcd names
  // no leader the last one is asked: one that etcd has lost sight of may lead by the word of all members.
  base::Task<void> run();

  const Knowledge& knowledge() const { return known_; }

 private:
  base::Task<void> follow_etcd();
  base::Task<void> ask_last_leader();
  void note_leader();
  routing::Observation observation() const;
  base::Task<bool> read_all();
  base::Task<void> follow();
  base::Task<void> back_off();
  void apply(const std::vector<ports::WatchEvent>& events);
  void look();
  void etcd_answers();
  void etcd_fails(const base::Error& error);

  ports::Clock& clock_;
  ports::Dcs& dcs_;
  const patroni::Keys keys_;
  Publish publish_;
  AskLeader ask_leader_;
  base::Random random_;
  int failures_ = 0;
  std::map<std::string, ports::KeyValue> entries_;
  std::int64_t revision_ = 0;
  std::int64_t refused_epoch_ = 0;  // smaller than one seen; told once
  Knowledge known_;

  std::optional<ha::Member> last_leader_;  // with its entry of then: that goes when its lease does
  base::Event leaderless_;                 // etcd names no leader, and there has been one
  bool leads_in_failsafe_ = false;
};

}  // namespace holdfast::router
