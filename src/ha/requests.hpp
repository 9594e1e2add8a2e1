// What people ask of one node. The agent keeps each request until a rule has seen to it or dropped it; none
// outlives the agent.
#pragma once

#include <optional>

#include "base/time.hpp"
#include "ha/cluster_view.hpp"

namespace holdfast::ha {

// Under which conditions a restart is wanted; what is absent does not matter.
struct RestartConditions {
  std::optional<MemberRole> role;
  std::optional<int> older_than;  // server_version must be smaller: 150004
  bool only_if_pending = false;   // a changed setting waits for it
  std::optional<base::Duration> timeout;
};

struct ScheduledRestart {
  RestartConditions conditions;
  base::WallTime at;
  std::optional<base::WallTime> postmaster_started_at;  // when it was asked: of the server that it is about
};

struct Reinitialize {
  bool from_leader = false;  // and not from a member that is tagged clonefrom
  bool force = false;        // what is under way is cancelled first
  bool given_up = false;     // a person wants it no more
};

struct Requests {
  std::optional<RestartConditions> restart;  // now
  std::optional<ScheduledRestart> scheduled_restart;
  std::optional<Reinitialize> reinitialize;
};

}  // namespace holdfast::ha
