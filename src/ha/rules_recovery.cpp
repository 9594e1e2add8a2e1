#include <fmt/format.h>

#include "ha/candidate.hpp"
#include "ha/control.hpp"
#include "ha/failsafe.hpp"
#include "ha/rules.hpp"
#include "ha/slot_rules.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

// How long a candidate with every commit is given before the node that gave the key away looks after itself.
constexpr base::Duration kCandidateTime = 2s;

bool stopped_with_data(const Situation& s) {
  return s.local.instance.process == Process::stopped && s.local.instance.data == DataDirectory::valid;
}

bool was_primary(const Situation& s) { return !s.local.instance.standby_signal; }

const Comparison* comparison_with_leader(const Situation& s) {
  const auto& comparison = s.local.memory.comparison;
  if (!comparison || !s.cluster || !s.cluster->leader) return nullptr;
  return comparison->leader == s.cluster->leader->name && comparison->epoch == s.cluster->leader->epoch
             ? &*comparison
             : nullptr;
}

Verdict hand_over_key(const Situation& s) {
  if (!stopped_with_data(s) || !is_leader(s) || !asks_us_to_step_down(s)) return std::nullopt;
  return Proposal{ReleaseLeaderKey{},
                  fmt::format("switchover to {}", s.cluster->failover->candidate.value_or("any"))};
}

Verdict give_key_away(const Situation& s) {
  if (paused(s) || !stopped_with_data(s) || !is_leader(s) || !was_primary(s)) return std::nullopt;
  const auto candidate = lossless_candidate(s);
  if (!candidate) return std::nullopt;
  return Proposal{ReleaseLeaderKey{},
                  fmt::format("PostgreSQL ended, and {} has every acknowledged commit", *candidate)};
}

bool is_to_fail_over(const Situation& s) {
  return !paused(s) && stopped_with_data(s) && is_leader(s) && down_too_long(s);
}

Verdict ask_who_can_take_over(const Situation& s) {
  if (!is_to_fail_over(s) || s.peers) return std::nullopt;
  return Proposal{PollPeers{}, "PostgreSQL ended; can another member take over?"};
}

Verdict fail_over(const Situation& s) {
  if (!is_to_fail_over(s)) return std::nullopt;
  const auto candidate = answering_candidate(s);
  if (!candidate) return std::nullopt;
  return Proposal{ReleaseLeaderKey{},
                  fmt::format("PostgreSQL has been down for {}, and {} can take over",
                              base::to_string(s.now - *s.local.memory.down_since), *candidate)};
}

Verdict give_up_promotion(const Situation& s) {
  const auto& failure = s.local.memory.failure;
  if (!stopped_with_data(s) || !is_leader(s) || !backing_off(s, JobKind::promote)) return std::nullopt;
  return Proposal{ReleaseLeaderKey{}, fmt::format("the promotion failed: {}", failure->error.message)};
}

Verdict give_up_starting(const Situation& s) {
  if (!stopped_with_data(s) || !is_leader(s)) return std::nullopt;
  const auto& failure = s.local.memory.failure;
  if (!failure || failure->kind != JobKind::start || failure->in_a_row < 3 || s.cluster->members.size() < 2)
    return std::nullopt;
  return Proposal{ReleaseLeaderKey{}, fmt::format("PostgreSQL does not start ({} attempts): {}",
                                                  failure->in_a_row, failure->error.message)};
}

Verdict back_off(const Situation& s) {
  if (!stopped_with_data(s)) return std::nullopt;
  const auto until = backing_off(s, JobKind::start);
  if (!until) return std::nullopt;
  return Proposal{
      Wait{std::min(*until, next_look(s))},
      fmt::format("PostgreSQL did not start ({}); trying again soon", s.local.memory.failure->error.message)};
}

Verdict start_as_leader(const Situation& s) {
  if (!stopped_with_data(s) || !may_lead(s)) return std::nullopt;
  if (s.settings.standby_cluster)
    return Proposal{StartPostgres{.standby = true, .upstream = wanted_upstream(s)},
                    "we hold the leader key of a standby cluster"};
  return Proposal{StartPostgres{.standby = !was_primary(s)},
                  was_primary(s) ? "we hold the leader key" : "we hold the leader key and shall be promoted"};
}

// The members have confirmed that we lead, and will be asked again as soon as PostgreSQL is starting.
Verdict start_in_failsafe(const Situation& s) {
  if (!stopped_with_data(s) || !was_primary(s) || !etcd_unknown(s) || !failsafe_members(s))
    return std::nullopt;
  if (!s.local.right_until || s.now >= *s.local.right_until || s.local.memory.failsafe.refused_since)
    return std::nullopt;
  return Proposal{StartPostgres{}, "etcd is silent, and our right to run a primary has not ended"};
}

Verdict start_without_etcd(const Situation& s) {
  if (!stopped_with_data(s) || s.cluster) return std::nullopt;
  const auto leader = promised_leader(s);
  if (!was_primary(s))
    return Proposal{StartPostgres{.standby = true, .upstream = leader ? leader : s.local.instance.upstream},
                    "etcd cannot be reached; going on as the standby we were"};
  // What this agent has ended can at least be read. Of other data it does not know what became of it.
  const auto& right = s.local.right_until;
  if (right && (s.now >= *right || s.local.memory.failsafe.refused_since))
    return Proposal{StartPostgres{.standby = true, .upstream = leader},
                    "etcd cannot be reached; read only until it is known who leads"};
  const auto until = right ? std::min(next_look(s), std::max(*right, s.now + 1ms)) : next_look(s);
  return Proposal{Wait{until}, "etcd cannot be reached; a primary may not be started"};
}

// Starting would only be undone: as soon as the candidate leads, our WAL has to be compared with its own.
Verdict let_candidate_lead(const Situation& s) {
  if (paused(s) || !stopped_with_data(s) || !s.cluster || s.cluster->leader || !was_primary(s))
    return std::nullopt;
  const auto& since = s.local.memory.leaderless_since;
  auto candidate = lossless_candidate(s);
  if (!candidate && down_too_long(s) && check_switchover(s, FailoverRequest{}).possible)
    candidate = "another member";
  if (!candidate || !since || s.now >= *since + kCandidateTime) return std::nullopt;
  return Proposal{Wait{std::min(next_look(s), *since + kCandidateTime)},
                  fmt::format("{} can take over", *candidate)};
}

Verdict start_to_race(const Situation& s) {
  if (!stopped_with_data(s) || !s.cluster || s.cluster->leader) return std::nullopt;
  auto upstream = promised_leader(s);
  if (!upstream) upstream = wanted_upstream(s);
  return Proposal{StartPostgres{.standby = true, .upstream = std::move(upstream)},
                  "there is no leader; as standby we can take part in the race"};
}

Verdict wait_for_leader_member(const Situation& s) {
  if (!stopped_with_data(s) || !s.cluster || !s.cluster->leader || leader_upstream(s)) return std::nullopt;
  return Proposal{Wait{next_look(s)},
                  is_leader(s) ? "the lease must be renewed first"
                               : fmt::format("leader {} has not said where it is", s.cluster->leader->name)};
}

Verdict compare_timelines(const Situation& s) {
  if (!stopped_with_data(s) || !s.cluster) return std::nullopt;
  const auto* known = comparison_with_leader(s);
  if (known && (known->verdict != Divergence::unknown || s.now < known->made_at + 500ms)) return std::nullopt;
  const auto leader = leader_upstream(s);
  if (!leader) return std::nullopt;
  return Proposal{CompareTimelines{*leader, s.cluster->leader->epoch},
                  fmt::format("does {} have all our WAL?", leader->name)};
}

Verdict wait_for_leader(const Situation& s) {
  if (!stopped_with_data(s)) return std::nullopt;
  const auto* known = comparison_with_leader(s);
  if (!known || known->verdict != Divergence::unknown) return std::nullopt;
  return Proposal{Wait{std::min(next_look(s), s.now + 500ms)}, known->reason};
}

Verdict start_standby(const Situation& s) {
  if (!stopped_with_data(s)) return std::nullopt;
  const auto* known = comparison_with_leader(s);
  if (!known || known->verdict != Divergence::none) return std::nullopt;
  return Proposal{StartPostgres{.standby = true, .upstream = wanted_upstream(s)}, known->reason};
}

Verdict rewind(const Situation& s) {
  if (!stopped_with_data(s) || !s.settings.use_pg_rewind || s.local.memory.rewind_impossible)
    return std::nullopt;
  const auto* known = comparison_with_leader(s);
  const auto leader = leader_upstream(s);
  if (!known || !leader || known->verdict != Divergence::diverged || backing_off(s, JobKind::rewind))
    return std::nullopt;
  return Proposal{Rewind{*leader}, known->reason};
}

bool must_be_recloned(const Situation& s) {
  const auto& instance = s.local.instance;
  if (instance.process != Process::stopped) return false;
  if (instance.data == DataDirectory::half_rewound) return true;
  const auto* known = comparison_with_leader(s);
  return instance.data == DataDirectory::valid && known && known->verdict == Divergence::diverged &&
         (!s.settings.use_pg_rewind || s.local.memory.rewind_impossible);
}

bool may_discard(const Situation& s) {
  const auto& settings = s.settings;
  const bool rewind_failed = settings.use_pg_rewind || s.local.instance.data == DataDirectory::half_rewound;
  return settings.remove_data_directory_on_diverged_timelines ||
         (rewind_failed && settings.remove_data_directory_on_rewind_failure);
}

Verdict reclone(const Situation& s) {
  const auto leader = leader_upstream(s);
  if (!must_be_recloned(s) || !leader || backing_off(s, JobKind::clone)) return std::nullopt;
  return Proposal{Clone{.source = *leader, .discard = may_discard(s)},
                  s.local.instance.data == DataDirectory::half_rewound
                      ? "a rewind did not finish; the data here cannot be used"
                      : fmt::format("cannot be rewound: {}", comparison_with_leader(s)->reason)};
}

Verdict release_unusable(const Situation& s) {
  if (!is_leader(s) || s.local.instance.data != DataDirectory::half_rewound) return std::nullopt;
  return Proposal{ReleaseLeaderKey{}, "a rewind did not finish; the data here cannot be used"};
}

Verdict wait(const Situation& s) {
  if (s.local.instance.process != Process::stopped) return std::nullopt;
  return Proposal{Wait{next_look(s)},
                  s.local.memory.failure
                      ? fmt::format("after a failed {}: {}", to_string(s.local.memory.failure->kind),
                                    s.local.memory.failure->error.message)
                      : "waiting for a leader"};
}

constexpr Rule kRules[] = {
    {"recovery.hand_over_key", "PostgreSQL stopped for a switchover: release the key.", hand_over_key},
    {"recovery.give_key_away", "The primary died and a standby has every commit: release the key.",
     give_key_away},
    {"recovery.ask_who_can_take_over", "Down for primary_start_timeout: ask the other members.",
     ask_who_can_take_over},
    {"recovery.fail_over",
     "Down for primary_start_timeout, and another member can take over: release the key.", fail_over},
    {"recovery.give_up_promotion", "Stopped after a failed promotion: release the key.", give_up_promotion},
    {"recovery.give_up_starting", "Release the key when PostgreSQL does not start.", give_up_starting},
    {"recovery.release_unusable", "Release the key when the data cannot be started.", release_unusable},
    {"recovery.back_off", "Pause after a failed start.", back_off},
    {"recovery.place_slots", "Place the slot files that were read from the leader.", place_slots},
    {"recovery.start_as_leader", "The leader starts its PostgreSQL as what it was.", start_as_leader},
    {"recovery.start_in_failsafe", "Without etcd, start a primary whose right has not ended.",
     start_in_failsafe},
    {"recovery.start_without_etcd", "Without etcd a standby goes on, and who led before becomes one.",
     start_without_etcd},
    {"recovery.let_candidate_lead", "After a crash, first let the standby that has every commit take over.",
     let_candidate_lead},
    {"recovery.start_to_race", "Without a leader, start as standby.", start_to_race},
    {"recovery.wait_for_leader_member", "Wait until the leader's address is known.", wait_for_leader_member},
    {"recovery.reclone", "Diverged and not to be rewound: copy the leader beside, then swap.", reclone},
    {"recovery.compare_timelines", "Before following a leader, find out whether it has all our WAL.",
     compare_timelines},
    {"recovery.wait_for_leader", "Wait until the leader can be compared with.", wait_for_leader},
    {"recovery.start_standby", "The leader has all our WAL: follow it.", start_standby},
    {"recovery.rewind", "Diverged: rewind to the leader's history.", rewind},
    {"recovery.wait", "Nothing can be done for this node now.", wait},
};

}  // namespace

std::span<const Rule> recovery_rules() { return kRules; }

}  // namespace holdfast::ha
