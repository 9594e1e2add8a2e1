#include "ha/memory.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "ha/control.hpp"
#include "ha/failsafe.hpp"
#include "ha/rules.hpp"
#include "ha/slots.hpp"
#include "ha/sync_plan.hpp"
#include "ha/watchdog.hpp"

namespace holdfast::ha {
namespace {

// Since when `holds` has been true without a break.
void fold_since(std::optional<base::Instant>& since, bool holds, base::Instant now) {
  if (!holds)
    since.reset();
  else if (!since)
    since = now;
}

void fold_right(Situation& s) {
  if (!s.cluster) return;  // etcd is silent: what was true stays true until it runs out
  if (leads_by_own_lease(s)) {
    s.local.right_until = renewed_right(s.local);
  } else if (s.cluster->leader && !is_leader(s)) {
    lose_right(s.local);
  }  // otherwise the key went before its time, and may be taken back (race.take_back)
}

void fold_failsafe(Situation& s) {
  auto& known = s.local.memory.failsafe;
  if (!etcd_unknown(s)) known.refused_since.reset();
  if (!s.cluster) return;
  known.members = s.cluster->failsafe;
  if (known.attempt && known.attempt->seen != s.cluster->failsafe_revision) known.attempt.reset();
}

// While WAL still comes, somebody writes it.
void fold_wal(Memory& memory, const ServerStatus& status, base::Instant now) {
  if (!status.in_recovery) {
    memory.wal_moved_at.reset();
    memory.wal_seen.reset();
    return;
  }
  if (memory.wal_seen && status.position > *memory.wal_seen && status.receiver_streaming)
    memory.wal_moved_at = now;
  memory.wal_seen = status.position;
}

void fold_last_leader(Situation& s) {
  if (!s.cluster || !s.cluster->leader) return;
  const auto* leader = s.cluster->member(s.cluster->leader->name);
  if (is_leader(s))
    s.local.memory.last_leader.reset();
  else if (leader)
    s.local.memory.last_leader = *leader;
}

void fold_process(Memory& memory, Process process, base::Instant now) {
  if (process != Process::stopped) memory.owes_start = false;
  if (process == Process::running) memory.start_timeout.reset();
  fold_since(memory.down_since, process == Process::stopped || process == Process::starting, now);
  fold_since(memory.stopping_since, process == Process::stopping, now);
}

// A person may have done anything to the data here: what was found out before the pause counts no more.
void fold_pause(Situation& s) {
  auto& memory = s.local.memory;
  const bool now = paused(s);
  if (memory.was_paused && !now) {
    memory.comparison.reset();
    memory.rewind_impossible = false;
  }
  memory.was_paused = now;
}

}  // namespace

base::Instant renewed_right(const LocalState& local) {
  const auto& confirmed = local.memory.failsafe.confirmed_until;
  auto right = local.lease ? right_until(*local.lease) : base::Instant();
  if (confirmed) right = std::max(right, *confirmed);
  // An armed watchdog ends the host: PostgreSQL must have ended before, and the device been stopped.
  if (const auto limit = watchdog_limit(local.watchdog)) right = std::min(right, *limit);
  return right;
}

void lose_right(LocalState& local) {
  local.right_until.reset();
  local.memory.failsafe.confirmed_until.reset();
}

void fold_peer_reports(Situation& s, base::Instant asked_at) {
  auto& given = s.local.memory.promise;
  // What was said before the promise was given does not end it.
  if (!given || !s.peers || given->made_at > asked_at) return;
  const auto found = s.peers->find(given->leader.name);
  if (found == s.peers->end() || !found->second) return;
  // A running standby is no primary, and without the key it does not become one.
  if (found->second->running && found->second->in_recovery) given.reset();
}

void fold_observation(Situation& s) {
  auto& memory = s.local.memory;
  const auto& status = s.local.instance.status;
  fold_right(s);
  fold_failsafe(s);
  fold_last_leader(s);
  fold_process(memory, s.local.instance.process, s.now);
  fold_pause(s);
  if (s.cluster) fold_since(memory.leaderless_since, !s.cluster->leader, s.now);
  if (status) {
    fold_since(memory.not_streaming_since, status->in_recovery && !status->receiver_streaming, s.now);
    fold_wal(memory, *status, s.now);
    observe_sync_names(memory.sync_barrier, *status);
  } else {
    memory.sync_barrier.reset();
  }
  observe_slots(memory, s);
  if (s.cluster && memory.initialize_key && memory.initialize_key != s.cluster->initialize_revision)
    memory.initialize_key.reset();
}

void fold_job_success(Memory& memory, const RunningJob& job, base::Instant now) {
  if (memory.failure && memory.failure->kind == job.kind) memory.failure.reset();
  if (job.kind == JobKind::stop || job.kind == JobKind::clone || job.kind == JobKind::rewind)
    memory.owes_start = true;
  if (job.kind == JobKind::clone || job.kind == JobKind::bootstrap) memory.rewind_impossible = false;
  // Slots are not part of a copy, and pg_rewind empties their directory.
  if (job.kind == JobKind::clone || job.kind == JobKind::rewind || job.kind == JobKind::bootstrap)
    forget_slots(memory);
  // Both leave a prefix of the source's history here, and a replica's is one of its leader's. A later epoch
  // needs a comparison of its own.
  if ((job.kind == JobKind::clone && !job.source.empty()) || job.kind == JobKind::rewind)
    memory.comparison =
        Comparison{.leader = job.from_replica ? job.leader : job.source,
                   .epoch = job.epoch,
                   .verdict = Divergence::none,
                   .reason = fmt::format("after the {} from {}", to_string(job.kind), job.source),
                   .made_at = now};
}

namespace {

void fold_broken_restart(Memory& memory, const RunningJob& job) {
  if (job.kind != JobKind::restart) return;
  memory.owes_start = true;
  memory.start_timeout = job.start_timeout;
}

}  // namespace

void fold_job_cancelled(Memory& memory, const RunningJob& job) { fold_broken_restart(memory, job); }

void fold_job_failure(Memory& memory, const RunningJob& job, const base::Error& error, base::Instant now) {
  fold_broken_restart(memory, job);
  const int before = memory.failure && memory.failure->kind == job.kind ? memory.failure->in_a_row : 0;
  memory.failure = JobFailure{job.kind, now, error, before + 1, job.source};
  // A source that is gone says nothing about our data; a refusal, or trying in vain again, does.
  if (job.kind == JobKind::rewind && (error.kind == base::ErrorKind::refused || before + 1 >= 3))
    memory.rewind_impossible = true;
}

}  // namespace holdfast::ha
