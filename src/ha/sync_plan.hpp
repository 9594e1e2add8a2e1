// Keeping /sync (who may be promoted) and synchronous_standby_names (who must confirm a commit) in step.
//
// At every moment each electable standby must have every acknowledged commit, so: a standby must confirm all
// commits BEFORE it becomes electable, and stop being electable BEFORE commits stop waiting for it. One step
// at a time; each step is checked against what etcd and PostgreSQL really say before the next.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "ha/situation.hpp"

namespace holdfast::ha {

// What synchronous_standby_names is set to when commits must wait although nobody can confirm them.
inline constexpr std::string_view kStrictPlaceholder = "__patroni_strict_sync_replica_placeholder__";

struct NarrowState {
  std::set<MemberName> standbys;
};
struct SetNames {
  std::string names;
};
struct WidenState {
  std::set<MemberName> standbys;
};
struct DropState {};
using SyncStep = std::variant<NarrowState, SetNames, WidenState, DropState>;

struct PlannedStep {
  SyncStep step;
  std::string reason;
};

// For a leader whose server is a primary that answers. Nothing: all is as it should be, or a standby is
// awaited.
std::optional<PlannedStep> plan_sync(const Situation& situation);

// Folds one observation into the barrier (see SyncBarrier).
void observe_sync_names(std::optional<SyncBarrier>& barrier, const ServerStatus& status, base::Instant now);

}  // namespace holdfast::ha
