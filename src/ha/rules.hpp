// The groups of the policy's table; rules_<group>.cpp has each.
#pragma once

#include <span>

#include "ha/policy.hpp"

namespace holdfast::ha {

using Verdict = std::optional<Proposal>;

std::span<const Rule> safety_rules();
std::span<const Rule> failsafe_rules();
std::span<const Rule> watchdog_rules();
std::span<const Rule> lease_rules();
std::span<const Rule> stop_rules();
std::span<const Rule> control_rules();
std::span<const Rule> job_rules();
std::span<const Rule> pause_rules();
std::span<const Rule> bootstrap_rules();
std::span<const Rule> recovery_rules();
std::span<const Rule> leader_rules();
std::span<const Rule> race_rules();
std::span<const Rule> replica_rules();

// Questions that several groups ask
// ---------------------------------------------------------------------------

// PostgreSQL runs here and is, or may at any moment become, a server that accepts writes.
bool may_accept_writes(const LocalState& local);

// PostgreSQL runs here and says that it is a primary.
bool runs_primary(const LocalState& local);

bool is_leader(const Situation& situation);           // etcd says that the leader key is ours
bool leads_by_own_lease(const Situation& situation);  // and it hangs on our present lease

bool may_lead(const Situation& situation);  // and our right to run a primary by that lease has not ended

// Our PostgreSQL has been down for so long that another member is to lead instead, if one can.
bool down_too_long(const Situation& situation);

// The leader as an upstream; absent when there is none, it is us, or its member key is missing.
std::optional<Upstream> leader_upstream(const Situation& situation);

// Whom this node is to stream from: as leader of a standby cluster from the other cluster, otherwise from the
// member that its tag replicatefrom names, while that runs, or from the leader. Absent: from nobody, all WAL
// comes from the archive; or there is nobody.
std::optional<Upstream> wanted_upstream(const Situation& situation);

// The cluster that a standby cluster copies; absent: it is none, or has only an archive.
std::optional<Upstream> remote_upstream(const Settings& settings);

// How to make this node a replica: from one that offers itself (clonefrom), else from the leader. Absent
// while there is no leader that runs.
std::optional<Clone> clone_from(const Situation& situation);
// From the leader and nobody else, with pg_basebackup and nothing else: what is there now, not a backup.
std::optional<Clone> clone_of_leader(const Situation& situation);
// After a clone that failed, as long as `next` is not to be tried.
Verdict pause_between_clones(const Situation& situation, const std::optional<Clone>& next);

// When this node looks again without being woken.
base::Instant next_look(const Situation& situation);

// While this is set, a job of that kind is not tried again: failures wait longer and longer, up to a minute.
std::optional<base::Instant> backing_off(const Situation& situation, JobKind kind);

}  // namespace holdfast::ha
