// Keeping /sync (who may be elected) and synchronous_standby_names (who must confirm a commit) in step.
//
// At every moment whoever may be elected must have every acknowledged commit, so: commits must be confirmed
// by more BEFORE /sync demands less of a candidate, and /sync must demand more BEFORE commits are confirmed
// by fewer. One step at a time; each is checked against what etcd and PostgreSQL really say before the next.
// What is safe is counted in sync_quorum.hpp.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "ha/situation.hpp"
#include "ha/sync_quorum.hpp"

namespace holdfast::ha {

// What synchronous_standby_names is set to when commits must wait although nobody can confirm them.
inline constexpr std::string_view kStrictPlaceholder = "__patroni_strict_sync_replica_placeholder__";

// /sync demands more of candidates, or names fewer: to be done before commits are confirmed by others.
struct NarrowState {
  Electorate electorate;
};
struct SetNames {
  std::string names;
};
// The standbys have confirmed what they had to, so /sync follows.
struct WidenState {
  Electorate electorate;
};
struct DropState {};
using SyncStep = std::variant<NarrowState, SetNames, WidenState, DropState>;

struct PlannedStep {
  SyncStep step;
  std::string reason;
  bool warning = false;  // commits will wait: people should know
};

// For a leader whose server is a primary that answers. Nothing: all is as it should be, or a standby is
// awaited.
std::optional<PlannedStep> plan_sync(const Situation& situation);

// A standby is named that is not, or not fully, electable yet: it may be so within milliseconds.
bool awaits_confirmation(const Situation& situation);

// In strict mode no standby is there to confirm, and commits wait for those that last could; the text for
// people.
std::optional<std::string> strict_wait(const Situation& situation);

// The names of a standby that holds the leader key and is about to be promoted: nobody is in /sync but
// itself, and in strict mode commits wait until somebody streams.
std::string names_before_promotion(const Situation& situation);

// Folds one observation into the barrier (see SyncBarrier); its position is found by the agent.
void observe_sync_names(std::optional<SyncBarrier>& barrier, const ServerStatus& status);

}  // namespace holdfast::ha
