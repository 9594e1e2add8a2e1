// Questions about pause and about what people asked of this node.
#pragma once

#include <optional>
#include <string>

#include "ha/situation.hpp"

namespace holdfast::ha {

// A person works on the cluster: PostgreSQL is left alone. Only what etcd holds counts, so that a pause among
// the settings of a cluster still to be made does not keep it from being made.
bool paused(const Situation& situation);

// As long as this holds, a stopped PostgreSQL is left stopped: a person stopped it, and nobody asked for it
// back. What the agent itself stopped it starts again.
bool left_stopped(const Situation& situation);

// A switchover or failover that names this node, and whose time has come.
bool chosen_by_request(const Situation& situation);

// Scheduled actions are carried out in the moment they are for, or soon after; never much later.
bool is_stale(base::WallTime scheduled_at, const Situation& situation);

// primary, standby_leader or replica; as PostgreSQL says, or as it would be started.
MemberRole role_of_postgres(const Situation& situation);

// Why the conditions of a restart do not hold; empty: they do.
std::string restart_obstacle(const Situation& situation, const RestartConditions& conditions);

}  // namespace holdfast::ha
