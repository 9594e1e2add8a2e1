// The dynamic settings that decisions depend on: etcd's /config merged with defaults.
// https://patroni.readthedocs.io/en/latest/dynamic_configuration.html
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace holdfast::ha {

enum class SynchronousMode { off, on };

struct Settings {
  base::Duration ttl = base::Duration(std::chrono::seconds(30));
  base::Duration loop_wait = base::Duration(std::chrono::seconds(10));
  base::Duration retry_timeout = base::Duration(std::chrono::seconds(10));
  bool pause = false;                                    // hands off: a person works on the cluster
  std::uint64_t maximum_lag_on_failover = 1 << 20;       // bytes; asynchronous clusters only
  std::optional<std::uint64_t> maximum_lag_on_syncnode;  // bytes; absent: any lag is tolerated
  SynchronousMode synchronous_mode = SynchronousMode::off;
  bool synchronous_mode_strict = false;
  int synchronous_node_count = 1;
  bool failsafe_mode = false;
  bool use_pg_rewind = true;
  bool use_slots = true;
  base::Duration primary_start_timeout = base::Duration(std::chrono::seconds(300));
  base::Duration primary_stop_timeout{};  // 0: wait for a clean shutdown as long as it takes
  base::Duration primary_race_backoff{};
  base::Duration member_slots_ttl = base::Duration(std::chrono::minutes(30));
  int max_timelines_history = 0;  // entries kept in /history; 0: all
};

}  // namespace holdfast::ha
