// What one seed stands for: the cluster, its settings and what may go wrong with it.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "ha/settings.hpp"
#include "sim/scheduler.hpp"

namespace holdfast::sim {

enum class FaultKind {
  agent_killed,
  agent_frozen,
  agent_stopped,  // SIGTERM
  postgres_crashed,
  postgres_frozen,
  host_crashed,
  host_frozen,
  host_isolated,  // from everybody
  etcd_cut_off,   // from one host
  hosts_cut_off,  // from one another
  one_way_cut,
  slow_link,
  lossy_link,
  etcd_down,
  etcd_election,
  etcd_slow,
  etcd_answers_lost,
  etcd_stale,
  etcd_compacted,
  lease_lost,
  calendar_jump,
  disk_full,
  slow_host,
  promote_stuck,
  replay_paused,
  jobs_fail,
  failover_asked,     // by a person, as are the next five
  sync_mode_changed,  // priority or quorum, how many, strict or not; never off
  restart_asked,
  reinitialize_asked,
  paused,
  ttl_changed,
  watchdog_lost,  // the device of a host, for a while
  count
};
std::string_view to_string(FaultKind kind);

// How a synchronous cluster is to be synchronous; a person may change it.
struct SyncMode {
  bool quorum = false;
  bool strict = false;
  int nodes = 1;
};

struct Scenario {
  std::uint64_t seed = 0;
  std::size_t nodes = 3;
  bool synchronous = false;
  bool strict = false;
  bool quorum = false;  // synchronous_mode: quorum
  int synchronous_nodes = 1;
  int ttl = 30, loop_wait = 10, retry_timeout = 10;  // seconds
  std::uint64_t maximum_lag = 1 << 20;
  bool use_rewind = true;
  bool logical_slot = false;                  // a permanent one
  int nofailover = -1;                        // this node is tagged so; -1: none
  int preferred = -1;                         // this node has a higher failover_priority
  int start_timeout = 300, stop_timeout = 0;  // primary_..., seconds
  bool failsafe = false;
  bool watchdog = false;  // every host has one, and requires it
  bool slow_archiver = false;
  bool faults_from_start = false;
  std::set<FaultKind> faults;
  Duration calm_between_faults{};  // on average
  Duration longest_fault{};
  Duration fault_time{};     // the first phase
  Duration healing_bound{};  // the second

  static Scenario of(std::uint64_t seed);
};

std::string to_string(const Scenario& scenario);

}  // namespace holdfast::sim
