// What the leader's, the replica's and the recovery group say about replication slots.
#pragma once

#include "ha/rules.hpp"

namespace holdfast::ha {

Verdict sync_leader_slots(const Situation& situation);
Verdict sync_replica_slots(const Situation& situation);
// While etcd is silent: the leader as its members answered it, a standby as that leader told it.
Verdict sync_slots_in_failsafe(const Situation& situation);

// Copying logical slots, in three steps: read the leader's files while our server runs, stop it, place them.
Verdict fetch_slots(const Situation& situation);
Verdict stop_for_slots(const Situation& situation);
Verdict place_slots(const Situation& situation);

}  // namespace holdfast::ha
