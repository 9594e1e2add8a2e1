#include <algorithm>
#include <fmt/format.h>

#include "ha/candidate.hpp"
#include "ha/control.hpp"
#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kStandbyStopTime = 60s;  // pg_ctl's own default
constexpr base::Duration kUsualStop = 1s;         // up to here, waiting for it is quicker than asking others

Verdict cancel_stale(const Situation& s) {
  if (!s.local.job || !s.cluster) return std::nullopt;
  const auto& job = *s.local.job;
  if (job.kind != JobKind::clone && job.kind != JobKind::rewind) return std::nullopt;
  if (job.from_replica) return std::nullopt;  // it will follow the new leader, and so shall we
  if (!s.cluster->leader || s.cluster->leader->name == job.source) return std::nullopt;
  return Proposal{CancelJob{},
                  fmt::format("the {} from {} is stale: {} leads now", to_string(job.kind),
                              job.source.empty() ? "nobody" : job.source, s.cluster->leader->name)};
}

Verdict cancel_promote(const Situation& s) {
  if (!s.local.job || s.local.job->kind != JobKind::promote || !s.cluster || is_leader(s) || paused(s))
    return std::nullopt;
  // Cancelling the job alone would let PostgreSQL go on and become a primary: a promotion cannot be taken
  // back.
  return Proposal{StopPostgres{.immediate = true}, "the leader key was lost during the promotion"};
}

// The leader's PostgreSQL is being started, or was by an earlier run of this agent.
bool leader_starts(const Situation& s) {
  if (paused(s) || !is_leader(s) || s.local.instance.data != DataDirectory::valid) return false;
  const auto& job = s.local.job;
  return job ? job->kind == JobKind::start || job->kind == JobKind::restart
             : s.local.instance.process == Process::starting;
}

// After a restart that was asked for, a switchover can be had without loss in a moment.
bool handed_over_while_starting(const Situation& s) {
  const bool restarts = s.local.job && s.local.job->kind == JobKind::restart;
  return leader_starts(s) && !restarts && s.local.memory.down_since && asks_us_to_step_down(s);
}

bool starts_too_long(const Situation& s) { return leader_starts(s) && down_too_long(s); }

Verdict ask_who_can_take_over(const Situation& s) {
  const bool asked_for = handed_over_while_starting(s);
  if (s.peers || (!asked_for && !starts_too_long(s))) return std::nullopt;
  return Proposal{PollPeers{}, asked_for
                                   ? "a switchover was asked for while PostgreSQL is starting"
                                   : "PostgreSQL takes too long to start; can another member take over?"};
}

// The key follows when PostgreSQL has ended: it may have become a primary this very moment.
Verdict give_up_start(const Situation& s) {
  std::optional<MemberName> candidate;
  if (handed_over_while_starting(s)) candidate = answering_candidate(s, *s.cluster->failover);
  if (!candidate && starts_too_long(s)) candidate = answering_candidate(s);
  if (!candidate) return std::nullopt;
  return Proposal{StopPostgres{.immediate = true},
                  fmt::format("PostgreSQL is not up again after {}, and {} can take over",
                              base::to_string(s.now - *s.local.memory.down_since), *candidate)};
}

// PostgreSQL stops so that another can lead, and has nothing left to do but to archive.
bool only_archives(const Situation& s) {
  if (!is_leader(s) || !s.local.job || s.local.job->kind != JobKind::stop) return false;
  const auto& since = s.local.memory.stopping_since;
  if (!s.local.instance.wal_complete || !since || s.now < *since + kUsualStop) return false;
  return asks_us_to_step_down(s) || (s.local.stop_requested && !paused(s));
}

Verdict ask_who_has_everything(const Situation& s) {
  if (s.peers || !only_archives(s)) return std::nullopt;
  return Proposal{PollPeers{}, "PostgreSQL has written its last record; who has it?"};
}

// Nothing is written here any more, so the candidate need not wait for the archiver.
Verdict hand_over_key(const Situation& s) {
  if (!only_archives(s)) return std::nullopt;
  const auto request = asks_us_to_step_down(s) ? *s.cluster->failover : FailoverRequest{};
  const auto candidate = answering_candidate(s, request, s.local.instance.wal_complete);
  if (!candidate) return std::nullopt;
  return Proposal{ReleaseLeaderKey{},
                  fmt::format("PostgreSQL still archives, but {} has all of its WAL", *candidate)};
}

// What the archiver leaves behind, nobody archives.
bool archives_for_another(const Situation& s) { return s.local.instance.wal_complete && !is_leader(s); }

// For how long an orderly stop is waited for; absent: as long as it takes. What an asynchronous primary has
// not sent yet would be lost with it. While /sync binds, that is nothing that was acknowledged, or nobody
// else can be elected; then the operator says when availability counts more than a clean end.
std::optional<base::Duration> stop_time(const Situation& s) {
  if (!may_accept_writes(s.local) && !s.local.instance.wal_complete) return kStandbyStopTime;
  const auto timeout = s.settings.primary_stop_timeout;
  const bool obeyed = sync_set_binds(s) && timeout > base::Duration::zero();
  return obeyed ? std::optional(timeout) : std::nullopt;
}

std::optional<base::Instant> stop_deadline(const Situation& s) {
  const auto& since = s.local.memory.stopping_since;
  if (!since || !s.local.job || s.local.job->kind != JobKind::stop || s.local.job->immediate)
    return std::nullopt;
  // It has all the time it needs when another leads. When nobody does, this node is missed.
  if (archives_for_another(s)) {
    const auto& leaderless = s.local.memory.leaderless_since;
    return leaderless ? std::optional(*leaderless + s.settings.ttl) : std::nullopt;
  }
  const auto time = stop_time(s);
  return time ? std::optional(*since + *time) : std::nullopt;
}

Verdict end_slow_stop(const Situation& s) {
  const auto deadline = stop_deadline(s);
  if (!deadline || s.now < *deadline) return std::nullopt;
  if (archives_for_another(s))
    return Proposal{StopPostgres{.immediate = true}, "nobody leads, and PostgreSQL still archives"};
  return Proposal{StopPostgres{.immediate = true},
                  fmt::format("PostgreSQL has not stopped within {}", base::to_string(*stop_time(s)))};
}

Verdict wait(const Situation& s) {
  if (!s.local.job) return std::nullopt;
  return Proposal{Wait{std::min(next_look(s), stop_deadline(s).value_or(base::Instant::max()))},
                  fmt::format("{} for {}", to_string(s.local.job->kind),
                              base::to_string(s.now - s.local.job->started_at))};
}

constexpr Rule kRules[] = {
    {"job.cancel_stale", "Stop copying from a node that no longer leads.", cancel_stale},
    {"job.cancel_promote", "Stop a promotion when the leader key is gone.", cancel_promote},
    {"job.ask_who_can_take_over",
     "The leader's start takes longer than primary_start_timeout, or another is to lead: who can take over?",
     ask_who_can_take_over},
    {"job.give_up_start", "Then end PostgreSQL, for another member can; the key follows when it has ended.",
     give_up_start},
    {"job.ask_who_has_everything", "A stopping leader only archives: who has its last record?",
     ask_who_has_everything},
    {"job.hand_over_key", "Then let that member take over meanwhile: release the key.", hand_over_key},
    {"job.end_slow_stop",
     "End a PostgreSQL that does not stop in time: a synchronous primary after primary_stop_timeout.",
     end_slow_stop},
    {"job.wait", "Let it go on.", wait},
};

}  // namespace

std::span<const Rule> job_rules() { return kRules; }

}  // namespace holdfast::ha
