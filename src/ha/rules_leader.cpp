#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ha/candidate.hpp"
#include "ha/control.hpp"
#include "ha/failsafe.hpp"
#include "ha/rules.hpp"
#include "ha/slot_rules.hpp"
#include "ha/sync_plan.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kCatchUpLook = 100ms;

bool leads(const Situation& s) {
  return may_lead(s) && s.local.instance.data == DataDirectory::valid &&
         s.local.instance.process != Process::stopped;
}
bool leads_standby(const Situation& s) {
  return leads(s) && s.local.instance.status && s.local.instance.status->in_recovery;
}
bool leads_primary(const Situation& s) {
  return leads(s) && s.local.instance.status && !s.local.instance.status->in_recovery;
}

// Becoming primary
// --------------------------------------------------------------------------------------------

Verdict give_up_promotion(const Situation& s) {
  const auto& failure = s.local.memory.failure;
  if (!leads_standby(s) || !failure || failure->kind != JobKind::promote || !backing_off(s, JobKind::promote))
    return std::nullopt;
  // It may still be under way, and a promotion cannot be taken back: PostgreSQL ends before the key goes.
  return Proposal{StopPostgres{.immediate = true},
                  fmt::format("the promotion failed: {}", failure->error.message)};
}

Verdict refused_promotion(const Situation& s) {
  const auto& failure = s.local.memory.failure;
  if (!leads_standby(s) || !failure || !backing_off(s, JobKind::promote)) return std::nullopt;
  if (failure->error.kind != base::ErrorKind::refused) return std::nullopt;
  return Proposal{ReleaseLeaderKey{}, fmt::format("before the promotion: {}", failure->error.message)};
}

// Whoever it names besides this leader must confirm commits. Before the promotion nobody does, not even those
// of an earlier leadership of ours, with a quorum and in strict mode neither: one who were electable without
// having seen our promotion could be promoted from the same timeline, to another one of the same number.
Verdict claim_sync_state(const Situation& s) {
  if (!leads(s) || s.settings.synchronous_mode == SynchronousMode::off || !s.local.instance.status)
    return std::nullopt;
  const auto& sync = s.cluster->sync;
  const bool ours = sync && sync->leader == s.local.name;
  if (ours && leads_primary(s)) return std::nullopt;
  SyncState claim{.leader = s.local.name, .mod_revision = sync ? sync->mod_revision : 0};
  if (ours && claim.standbys == sync->standbys && claim.quorum == sync->quorum) return std::nullopt;
  return Proposal{
      WriteSyncState{claim},
      ours ? fmt::format("until the promotion [{}] confirm nothing", fmt::join(sync->standbys, ","))
           : fmt::format("the synchronous set is still {}'s",
                         sync && !sync->leader.empty() ? sync->leader : "nobody")};
}

// The key can come to us after all, by a request that was long on its way.
Verdict honour_promise(const Situation& s) {
  const auto* given = promise(s);
  if (!leads_standby(s) || given == nullptr) return std::nullopt;
  return Proposal{ReleaseLeaderKey{}, fmt::format("{} leads in failsafe mode, and was promised another {}",
                                                  given->leader.name, base::to_string(given->until - s.now))};
}

// The names a former primary left behind would make the new one wait for standbys that are not in /sync.
Verdict reset_sync_names(const Situation& s) {
  if (!leads_standby(s)) return std::nullopt;
  const auto wanted = names_before_promotion(s);
  if (s.local.instance.status->synchronous_standby_names == wanted) return std::nullopt;
  return Proposal{SetSyncNames{wanted}, "before the promotion, nobody confirms commits yet"};
}

Verdict promote(const Situation& s) {
  if (!leads_standby(s) || s.settings.standby_cluster) return std::nullopt;
  return Proposal{Promote{},
                  fmt::format("we hold the leader key since revision {}", s.cluster->leader->epoch)};
}

// Leading a standby cluster
// -----------------------------------------------------------------------------------

// A clean stop: the other cluster, or its archive, has everything, and goes on from there. Who reads the
// archive needs the shutdown checkpoint, too: without it the two histories would part there.
Verdict become_standby_leader(const Situation& s) {
  if (paused(s) || !leads_primary(s) || !s.settings.standby_cluster) return std::nullopt;
  return Proposal{StopPostgres{.checkpoint_first = true, .archive_end = true},
                  "this cluster is to be a standby of another"};
}

Verdict follow_remote(const Situation& s) {
  if (!leads_standby(s) || !s.settings.standby_cluster) return std::nullopt;
  auto wanted = wanted_upstream(s);
  if (s.local.instance.upstream == wanted) return std::nullopt;
  auto why = wanted ? fmt::format("the leader of this standby cluster streams from {}", wanted->conn_url)
                    : std::string("this standby cluster takes all WAL from the archive");
  return Proposal{Follow{std::move(wanted)}, std::move(why)};
}

// Giving it up by request
// -------------------------------------------------------------------------------------

bool leads_somehow(const Situation& s) {
  return leads_primary(s) || (s.settings.standby_cluster && leads_standby(s));
}

Verdict clear_failover_request(const Situation& s) {
  if (!leads_somehow(s) || !s.cluster->failover) return std::nullopt;
  const auto& request = *s.cluster->failover;
  const bool other_leaders = request.leader && *request.leader != s.local.name;
  if (request.scheduled_at && !other_leaders) {
    if (*request.scheduled_at > s.wall_time || paused(s)) return std::nullopt;
    if (is_stale(*request.scheduled_at, s))
      return Proposal{
          ClearFailoverRequest{request.mod_revision},
          fmt::format("it was scheduled for {}, too long ago", base::to_iso8601(*request.scheduled_at))};
  }
  const auto check = check_switchover(s, request);
  if (check.possible) return std::nullopt;
  return Proposal{ClearFailoverRequest{request.mod_revision}, check.reason};
}

Verdict hand_over(const Situation& s) {
  if (!leads_somehow(s) || !asks_us_to_step_down(s)) return std::nullopt;
  const auto check = check_switchover(s, *s.cluster->failover);
  if (!check.possible) return std::nullopt;
  // A standby has nothing to end before another follows the other cluster in its place.
  if (leads_standby(s)) return Proposal{ReleaseLeaderKey{}, fmt::format("switchover {}", check.reason)};
  return Proposal{StopPostgres{.checkpoint_first = true}, fmt::format("switchover {}", check.reason)};
}

// Being primary
// -----------------------------------------------------------------------------------------------

std::optional<PlannedStep> sync_step(const Situation& s) {
  return leads_primary(s) ? plan_sync(s) : std::nullopt;
}

SyncState own_sync_state(const Situation& s, Electorate electorate) {
  return {.leader = s.local.name,
          .standbys = std::move(electorate.standbys),
          .quorum = electorate.quorum,
          .mod_revision = s.cluster->sync ? s.cluster->sync->mod_revision : 0};
}

Verdict narrow_sync_state(const Situation& s) {
  auto planned = sync_step(s);
  const auto* narrow = planned ? std::get_if<NarrowState>(&planned->step) : nullptr;
  if (!narrow) return std::nullopt;
  return Proposal{WriteSyncState{own_sync_state(s, narrow->electorate)}, planned->reason};
}

Verdict set_sync_names(const Situation& s) {
  auto planned = sync_step(s);
  const auto* names = planned ? std::get_if<SetNames>(&planned->step) : nullptr;
  if (!names) return std::nullopt;
  return Proposal{SetSyncNames{names->names}, planned->reason, planned->warning};
}

Verdict widen_sync_state(const Situation& s) {
  auto planned = sync_step(s);
  const auto* widen = planned ? std::get_if<WidenState>(&planned->step) : nullptr;
  if (!widen) return std::nullopt;
  return Proposal{WriteSyncState{own_sync_state(s, widen->electorate)}, planned->reason};
}

Verdict drop_sync_state(const Situation& s) {
  auto planned = sync_step(s);
  if (!planned || !std::holds_alternative<DropState>(planned->step)) return std::nullopt;
  return Proposal{DeleteSyncState{s.cluster->sync->mod_revision}, planned->reason};
}

Verdict record_history(const Situation& s) {
  if (!leads_primary(s)) return std::nullopt;
  const auto timeline = s.local.instance.status->timeline;
  if (timeline <= 1) return std::nullopt;
  if (!s.cluster->history.empty() && s.cluster->history.back() + 1 >= timeline) return std::nullopt;
  return Proposal{WriteHistory{}, fmt::format("timeline {} is new", timeline)};
}

// Who rewinds to us reads in pg_control on which timeline we are, and that is written by a checkpoint. The
// one with which PostgreSQL follows a promotion takes minutes. Patroni's members do not rewind before.
Verdict make_checkpoint(const Situation& s) {
  if (!leads_primary(s)) return std::nullopt;
  const auto& status = *s.local.instance.status;
  const auto& memory = s.local.memory;
  if (status.checkpoint_timeline == status.timeline || memory.checkpoint_runs) return std::nullopt;
  if (memory.checkpoint_failed_at && s.now < *memory.checkpoint_failed_at + s.settings.loop_wait)
    return std::nullopt;
  return Proposal{MakeCheckpoint{},
                  fmt::format("the last checkpoint was made on timeline {}, before the promotion",
                              status.checkpoint_timeline)};
}

Verdict write_failsafe(const Situation& s) {
  if (!leads(s) || !s.settings.failsafe_mode) return std::nullopt;
  auto wanted = wanted_failsafe(s);
  if (wanted == s.cluster->failsafe) return std::nullopt;
  return Proposal{WriteFailsafe{std::move(wanted), s.cluster->failsafe_revision},
                  "the members that must confirm a primary when etcd is silent"};
}

Verdict wait_for_standby(const Situation& s) {
  if (!leads_primary(s)) return std::nullopt;
  auto why = strict_wait(s);
  if (!why) return std::nullopt;
  return Proposal{Wait{next_look(s)}, std::move(*why), true};
}

Verdict wait(const Situation& s) {
  if (!is_leader(s)) return std::nullopt;
  const auto until = leads_primary(s) && awaits_confirmation(s)
                         ? std::min<base::Instant>(next_look(s), s.now + kCatchUpLook)
                         : next_look(s);
  return Proposal{Wait{until}, s.local.instance.status ? "leading" : "PostgreSQL does not answer"};
}

constexpr Rule kRules[] = {
    {"leader.refused_promotion", "The user's fence failed, and nothing was promoted: release the key.",
     refused_promotion},
    {"leader.give_up_promotion",
     "Stop PostgreSQL when its promotion failed; the key follows when it has stopped.", give_up_promotion},
    {"leader.honour_promise", "Give the key back while another was promised to go on as primary.",
     honour_promise},
    {"leader.claim_sync_state", "Before promoting or accepting writes, /sync must be this leader's.",
     claim_sync_state},
    {"leader.reset_sync_names", "Before promoting, forget whom commits waited for.", reset_sync_names},
    {"leader.promote", "Promote.", promote},
    {"leader.become_standby_leader", "Stop being primary when the cluster is to be a standby of another.",
     become_standby_leader},
    {"leader.follow_remote", "In a standby cluster, stream from the other cluster.", follow_remote},
    {"leader.clear_failover_request", "Remove a request that is done or cannot be carried out.",
     clear_failover_request},
    {"leader.hand_over", "Stop PostgreSQL cleanly for a switchover; the key follows when it has stopped.",
     hand_over},
    {"leader.narrow_sync_state",
     "Before fewer confirm commits, more is demanded of candidates, or fewer are electable.",
     narrow_sync_state},
    {"leader.set_sync_names", "Say who must confirm commits.", set_sync_names},
    {"leader.widen_sync_state", "Standbys that have confirmed everything become electable.",
     widen_sync_state},
    {"leader.drop_sync_state", "Remove /sync when synchronous mode is off.", drop_sync_state},
    {"leader.sync_slots",
     "Keep a slot for each other member, and the permanent ones; drop what nobody wants.", sync_leader_slots},
    {"leader.make_checkpoint", "After a promotion, let those rewind who need to.", make_checkpoint},
    {"leader.record_history", "Write the new timeline into /history.", record_history},
    {"leader.write_failsafe", "Keep /failsafe: whom to ask when etcd is silent.", write_failsafe},
    {"leader.wait_for_standby", "Strict mode: commits wait, for no standby is there to confirm them.",
     wait_for_standby},
    {"leader.wait", "All is well.", wait},
};

}  // namespace

std::span<const Rule> leader_rules() { return kRules; }

}  // namespace holdfast::ha
