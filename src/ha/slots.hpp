// Which replication slots exist on this node.
//
// Patroni's model, so that nodes of both can follow each other: every node that may become leader has a
// physical slot for every other member, and every permanent slot of the dynamic configuration. The leader's
// are moved by their consumers, and their positions told in /status; everybody else moves his own after
// those. A slot that nothing wants is dropped: it would keep WAL until the disk is full.
// https://patroni.readthedocs.io/en/latest/dynamic_configuration.html
#pragma once

#include <map>
#include <set>
#include <string>

#include "ha/decision.hpp"
#include "ha/situation.hpp"

namespace holdfast::ha {

struct WantedSlot {
  bool logical = false;
  std::string database, plugin;   // of a logical one
  std::optional<bool> used_here;  // physical: somebody should be streaming through it from here
  pg::Lsn position;               // how far its consumer has come; 0/0: nobody has said
};
using WantedSlots = std::map<std::string, WantedSlot>;

// Of this node, as `view` describes the cluster. Leading: as primary, or as leader of a standby cluster.
WantedSlots wanted_slots(const Situation& situation, const ClusterView& view, bool leading);

// What is to be done here and now. Slots that must be copied from the leader are not in it.
SyncSlots plan_slots(const Situation& situation, const ClusterView& view);

// Logical slots that this standby lacks, or can no longer move: only the leader's files can help.
std::map<std::string, NewSlot> slots_to_copy(const Situation& situation, const ClusterView& view);

// What the leader says of its slots in /status, and to standbys when etcd is silent.
ClusterStatus cluster_status(const Situation& situation);

// A standby with logical slots, and all it streams through, must keep the catalog rows that those need.
bool needs_hot_standby_feedback(const Situation& situation, const ClusterView& view);

// Folds one observation: when the leader last saw each member's slot in use, and what still went wrong
// lately.
void observe_slots(Memory& memory, const Situation& situation);

// The data directory is new: what was known of its slots is not.
void forget_slots(Memory& memory);

// Where members are when only the leader knows it: etcd is silent, and they answered with their positions.
ClusterView with_positions(ClusterView last_seen, const std::map<MemberName, pg::Lsn>& positions);
// The cluster as the leader tells a standby while etcd is silent.
ClusterView told_by_leader(ClusterView last_seen, const MemberName& leader,
                           const std::map<std::string, pg::Lsn>& slots);

}  // namespace holdfast::ha
