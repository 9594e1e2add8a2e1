// The dynamic settings that decisions depend on: etcd's /config merged with defaults.
// https://patroni.readthedocs.io/en/latest/dynamic_configuration.html
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace holdfast::ha {

// on: each of the synchronous standbys confirms every commit. quorum: any synchronous_node_count of them.
enum class SynchronousMode { off, on, quorum };

// How far a standby must be with a commit to confirm it; by which of its positions its lag is measured.
enum class SynchronousCommit { flush, remote_write, remote_apply };

// This cluster is a copy of another: its leader stays a standby, and streams from there.
// https://patroni.readthedocs.io/en/latest/standby_cluster.html
struct StandbyCluster {
  std::string host;  // empty: all WAL comes from the archive
  int port = 5432;
  std::string primary_slot_name;  // there; empty: none
  std::vector<std::string> create_replica_methods;

  bool operator==(const StandbyCluster&) const = default;
};

// A slot that a person wants to exist whoever leads; its name is the key.
struct PermanentSlot {
  bool logical = false;
  std::string database, plugin;                                                      // of a logical one
  enum class ClusterType { any, primary, standby } cluster_type = ClusterType::any;  // of a physical one

  bool operator==(const PermanentSlot&) const = default;
};

// Slots that are somebody else's business: those that have all of the properties named here. Empty: any.
struct SlotMatcher {
  std::string name, database, plugin, type;

  bool operator==(const SlotMatcher&) const = default;
};

struct Settings {
  base::Duration ttl = base::Duration(std::chrono::seconds(30));
  base::Duration loop_wait = base::Duration(std::chrono::seconds(10));
  base::Duration retry_timeout = base::Duration(std::chrono::seconds(10));
  bool pause = false;                                    // hands off: a person works on the cluster
  std::uint64_t maximum_lag_on_failover = 1 << 20;       // bytes; asynchronous clusters only
  std::optional<std::uint64_t> maximum_lag_on_syncnode;  // bytes; absent: any lag is tolerated
  SynchronousMode synchronous_mode = SynchronousMode::off;
  SynchronousCommit synchronous_commit = SynchronousCommit::flush;
  bool synchronous_mode_strict = false;
  int synchronous_node_count = 1;
  bool failsafe_mode = false;
  bool use_pg_rewind = true;
  bool use_slots = true;
  // What cannot be rewound is thrown away before it is copied anew; otherwise it is kept beside.
  bool remove_data_directory_on_rewind_failure = false;
  bool remove_data_directory_on_diverged_timelines = false;
  bool can_restore_without_leader = false;  // a replica can be made without anybody to copy from
  base::Duration primary_start_timeout = base::Duration(std::chrono::seconds(300));
  base::Duration primary_stop_timeout{};  // 0: wait for a clean shutdown as long as it takes
  base::Duration primary_race_backoff{};
  base::Duration pg_ctl_timeout = base::Duration(std::chrono::seconds(60));  // of the stop in a restart
  // How long a member that is away keeps its slot; 0: as long as its entry in etcd.
  base::Duration member_slots_ttl = base::Duration(std::chrono::minutes(30));
  std::map<std::string, PermanentSlot> permanent_slots;
  std::vector<SlotMatcher> ignore_slots;
  bool slots_understood =
      true;  // false: some of the two was left out, so nobody knows which slots are unwanted
  std::optional<StandbyCluster> standby_cluster;
  int max_timelines_history = 0;  // entries kept in /history; 0: all
};

}  // namespace holdfast::ha
