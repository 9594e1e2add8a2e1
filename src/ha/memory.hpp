// What a node remembers: pure folds of observations and outcomes into Memory.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "ha/situation.hpp"

namespace holdfast::ha {

// One look at the world has been taken (situation.cluster, .local.instance, .now are new).
void fold_observation(Situation& situation);

// The peers have answered what they were asked at `asked_at` (situation.peers is new).
void fold_peer_reports(Situation& situation, base::Instant asked_at);

// The right to run a primary that follows from the lease as it was renewed last, or from what the members
// confirmed, whichever lasts longer; but not beyond what an armed watchdog allows.
base::Instant renewed_right(const LocalState& local);
void lose_right(LocalState& local);

void fold_job_success(Memory& memory, const RunningJob& job, base::Instant now);
// Given up in the middle, by a newer decision.
void fold_job_cancelled(Memory& memory, const RunningJob& job);
void fold_job_failure(Memory& memory, const RunningJob& job, const base::Error& error, base::Instant now);

}  // namespace holdfast::ha
