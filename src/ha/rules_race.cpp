#include <fmt/format.h>
#include <tuple>

#include "ha/candidate.hpp"
#include "ha/control.hpp"
#include "ha/failsafe.hpp"
#include "ha/rules.hpp"
#include "ha/slot_rules.hpp"
#include "ha/watchdog.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

bool no_leader(const Situation& s) {
  return s.cluster && !s.cluster->leader && s.local.instance.data == DataDirectory::valid &&
         s.local.instance.process != Process::stopped;
}

Proposal keep_waiting(const Situation& s, std::string reason, base::Duration at_most = 1s) {
  return {Wait{std::min(next_look(s), s.now + at_most)}, std::move(reason)};
}

bool patience_over(const Situation& s, base::Duration patience) {
  return s.local.memory.leaderless_since && s.now >= *s.local.memory.leaderless_since + patience;
}

Verdict no_answer(const Situation& s) {
  if (!no_leader(s) || s.local.instance.status) return std::nullopt;
  return keep_waiting(s, "PostgreSQL does not answer yet", 100ms);
}

Verdict no_lease(const Situation& s) {
  if (!no_leader(s) || (s.local.lease && s.now < right_until(*s.local.lease))) return std::nullopt;
  return keep_waiting(s, "no lease to put the leader key on");
}

bool standby_races(const Situation& s) { return no_leader(s) && !runs_primary(s.local); }

// The leader's agent or etcd may have trouble while its PostgreSQL goes on; an operator may prefer to wait a
// while as long as WAL comes. https://patroni.readthedocs.io/en/latest/dynamic_configuration.html
Verdict wal_still_comes(const Situation& s) {
  const auto& memory = s.local.memory;
  const auto backoff = s.settings.primary_race_backoff;
  if (!standby_races(s) || backoff <= base::Duration::zero() || !memory.leaderless_since ||
      !s.local.instance.status)
    return std::nullopt;
  if (s.settings.standby_cluster || (s.cluster->failover && s.cluster->failover->candidate))
    return std::nullopt;
  const auto left = *memory.leaderless_since + backoff - s.now;
  const bool moves = s.local.instance.status->receiver_streaming && memory.wal_moved_at &&
                     s.now < *memory.wal_moved_at + s.settings.loop_wait;
  // The key may have gone just after the last look: one loop shows whether WAL comes.
  const bool first_loop =
      left > backoff - s.settings.loop_wait && s.local.instance.status->receiver_streaming;
  if (left <= base::Duration::zero() || (!moves && !first_loop)) return std::nullopt;
  return keep_waiting(
      s,
      fmt::format("My ({}) wal position moved since last heart beat loop, {:.0f} seconds until leader race",
                  s.local.name, std::chrono::duration<double>(left).count()));
}

// The former leader may still run, cut off from etcd or with its agent dead. With a quorum it could go on
// acknowledging commits with the help of a standby that is not elected: so each stops helping before it
// votes.
Verdict stop_confirming(const Situation& s) {
  const auto& instance = s.local.instance;
  if (!standby_races(s) || !instance.status || !quorum_decides(s)) return std::nullopt;
  // A primary that was told to go on needs us; nobody gets our vote meanwhile.
  if (promise(s)) return std::nullopt;
  if (!instance.upstream && !instance.status->receiver_streaming) return std::nullopt;
  return Proposal{Follow{},
                  fmt::format("no leader; commits of {} are confirmed no more", s.cluster->sync->leader)};
}

Proposal acquire(const Situation& s, std::string reason) {
  const auto& sync = s.cluster->sync;
  AcquireLeaderKey take{.sync_revision = sync ? sync->mod_revision : 0};
  if (quorum_decides(s)) take.sync = *sync;
  return {std::move(take), std::move(reason)};
}

// For those who must leave the key to another. A standby waits; a primary must not go on without the key.
Proposal give_way(const Situation& s, std::string reason, base::Duration at_most = 1s) {
  if (runs_primary(s.local)) return {StopPostgres{.immediate = true}, std::move(reason)};
  return keep_waiting(s, std::move(reason), at_most);
}

Verdict promotion_failed(const Situation& s) {
  const auto until = backing_off(s, JobKind::promote);
  if (!standby_races(s) || !until) return std::nullopt;
  return Proposal{Wait{std::min(*until, next_look(s))}, "our promotion failed a moment ago"};
}

Verdict not_electable(const Situation& s) {
  if (!no_leader(s) || electable(s, s.local.name)) return std::nullopt;
  return keep_waiting(s,
                      s.local.tags.nofailover
                          ? "following a different leader because I am not allowed to promote"
                          : fmt::format("only {} or its synchronous standbys have every acknowledged commit",
                                        sync_set_binds(s) ? s.cluster->sync->leader : "the leader"));
}

bool behind_history(const Situation& s) {
  return !s.cluster->history.empty() && s.local.instance.status->timeline <= s.cluster->history.back();
}

// Our key went before its time: its lease was revoked, or etcd lost it. Until our right ends nobody can have
// led but in these very moments, so nobody is asked: whoever is quicker must not become a second primary.
Verdict take_back(const Situation& s) {
  const auto& right = s.local.right_until;
  if (!no_leader(s) || !runs_primary(s.local) || !right || s.now >= *right || behind_history(s))
    return std::nullopt;
  return acquire(
      s, fmt::format("the leader key is gone, {} before our right ends", base::to_string(*right - s.now)));
}

const PeerStatus* report_of(const Situation& s, const MemberName& name) {
  if (!s.peers) return nullptr;
  const auto found = s.peers->find(name);
  return found != s.peers->end() && found->second ? &*found->second : nullptr;
}

Verdict no_watchdog(const Situation& s) {
  if (!standby_races(s) || !watchdog_failed(s)) return std::nullopt;
  return keep_waiting(s, fmt::format("a watchdog is required: {}", *watchdog_obstacle(s)));
}

// In failsafe mode whoever is not in /failsafe would not be asked by a primary that lost etcd.
Verdict not_in_failsafe(const Situation& s) {
  if (!standby_races(s) || !s.settings.failsafe_mode) return std::nullopt;
  if (s.cluster->failsafe.empty() || s.cluster->failsafe.contains(s.local.name)) return std::nullopt;
  return keep_waiting(s, "not in /failsafe: a primary that lost etcd would not ask us");
}

Verdict follow_failsafe_leader(const Situation& s) {
  const auto leader = promised_leader(s);
  if (!leader || (s.cluster && s.cluster->leader) || !s.local.tags.replicatefrom.empty()) return std::nullopt;
  const auto& status = s.local.instance.status;
  if (!status || !status->in_recovery || s.local.job || s.local.instance.upstream == leader)
    return std::nullopt;
  return Proposal{Follow{leader}, fmt::format("{} leads in failsafe mode", leader->name)};
}

Verdict promised(const Situation& s) {
  const auto* given = promise(s);
  if (!standby_races(s) || given == nullptr) return std::nullopt;
  return keep_waiting(s, fmt::format("{} leads in failsafe mode; promised for another {}", given->leader.name,
                                     base::to_string(given->until - s.now)));
}

// What this agent promised before it was restarted it does not know.
Verdict may_have_promised(const Situation& s) {
  if (!standby_races(s) || !s.peers || !s.settings.failsafe_mode) return std::nullopt;
  const auto forgotten_until = s.local.memory.agent_started_at + s.settings.ttl;
  if (s.now >= forgotten_until) return std::nullopt;
  for (const auto& [name, url] : s.cluster->failsafe) {
    if (name == s.local.name) continue;
    const auto* report = report_of(s, name);
    if (report && report->running && report->in_recovery) continue;
    return keep_waiting(
        s,
        fmt::format("{} may lead in failsafe mode, and we may have agreed to it before our restart", name));
  }
  return std::nullopt;
}

Verdict poll_peers(const Situation& s) {
  if (!no_leader(s) || s.peers) return std::nullopt;
  return Proposal{PollPeers{}, fmt::format("no leader; {} others to ask", peers_to_ask(s).size())};
}

Verdict leave_to_candidate(const Situation& s) {
  if (!standby_races(s) || !s.cluster->failover || !s.cluster->failover->candidate) return std::nullopt;
  const auto& candidate = *s.cluster->failover->candidate;
  if (candidate == s.local.name || patience_over(s, s.settings.ttl)) return std::nullopt;
  const auto* report = report_of(s, candidate);
  if (!report || !report->running || !electable(s, candidate)) return std::nullopt;
  return keep_waiting(s, fmt::format("{} was chosen to take over", candidate), 100ms);
}

// A switchover names who steps down: that node does not take the key back while another can have it.
Verdict stepped_down(const Situation& s) {
  if (!standby_races(s) || !s.cluster->failover || s.cluster->failover->leader != s.local.name)
    return std::nullopt;
  if (s.cluster->failover->scheduled_at && *s.cluster->failover->scheduled_at > s.wall_time)
    return std::nullopt;
  if (patience_over(s, s.settings.ttl)) return std::nullopt;
  return keep_waiting(s, "stepped down by request", 100ms);
}

Verdict primary_is_alive(const Situation& s) {
  if (!standby_races(s) || !s.peers || patience_over(s, s.settings.ttl)) return std::nullopt;
  for (const auto& [name, report] : *s.peers) {
    if (!report || !report->running || report->in_recovery || !has_every_commit(s, name)) continue;
    if (report->timeline < s.local.instance.status->timeline) continue;
    return keep_waiting(s,
                        fmt::format("{} still runs as primary on timeline {} and can take the key back", name,
                                    report->timeline),
                        200ms);
  }
  return std::nullopt;
}

Verdict peer_is_ahead(const Situation& s) {
  if (!no_leader(s) || !s.peers || chosen_by_request(s)) return std::nullopt;
  const auto& own = *s.local.instance.status;
  for (const auto& [name, report] : *s.peers) {
    if (!report || !report->running || !report->dcs_reachable || !electable(s, name)) continue;
    if (report->watchdog_failed) continue;
    if (std::tuple(report->timeline, report->position) <= std::tuple(own.timeline, own.position)) continue;
    // It has received what we wrote since we looked at ourselves.
    if (!own.in_recovery && report->in_recovery && report->timeline == own.timeline) continue;
    return give_way(s,
                    report->timeline > own.timeline
                        ? fmt::format("{} is on the newer timeline {}", name, report->timeline)
                        : fmt::format("Wal position of {} is ahead of my wal position by {} ({} > {})", name,
                                      pg::bytes_text(lag_bytes(report->position, own.position)),
                                      to_string(report->position), to_string(own.position)),
                    200ms);
  }
  return std::nullopt;
}

MemberName former_leader(const Situation& s) {
  if (sync_set_binds(s)) return s.cluster->sync->leader;
  return s.local.memory.last_leader ? s.local.memory.last_leader->name : MemberName();
}

Verdict prefer_higher_priority(const Situation& s) {
  if (!standby_races(s) || !s.peers || chosen_by_request(s) || patience_over(s, 5s)) return std::nullopt;
  const auto& own = *s.local.instance.status;
  for (const auto& [name, report] : *s.peers) {
    const auto* member = s.cluster->member(name);
    if (!report || !report->running || !report->dcs_reachable || !member || !electable(s, name)) continue;
    if (report->watchdog_failed) continue;
    if (member->tags.failover_priority <= s.local.tags.failover_priority) continue;
    if (name == former_leader(s)) continue;                               // it has just gone
    if (quorum_decides(s) && !s.cluster->sync->includes(name)) continue;  // it may not get the votes
    if (std::tuple(report->timeline, report->position) != std::tuple(own.timeline, own.position)) continue;
    return keep_waiting(s,
                        fmt::format("{} has equally tolerable WAL position and priority {}, while this node "
                                    "has priority {}",
                                    name, member->tags.failover_priority, s.local.tags.failover_priority),
                        100ms);
  }
  return std::nullopt;
}

// Asynchronous replication only: a synchronous standby has everything whatever the leader wrote last.
Verdict too_far_behind(const Situation& s) {
  if (!no_leader(s) || sync_set_binds(s) || chosen_by_request(s)) return std::nullopt;
  const auto& own = *s.local.instance.status;
  const auto lag = lag_bytes(s.cluster->status.optime, own.position);
  if (lag <= s.settings.maximum_lag_on_failover) return std::nullopt;
  return give_way(s, fmt::format("{} behind the last leader's {}; at most {} may be lost",
                                 pg::bytes_text(lag), to_string(s.cluster->status.optime),
                                 pg::bytes_text(s.settings.maximum_lag_on_failover)));
}

Verdict older_timeline(const Situation& s) {
  if (!no_leader(s) || sync_set_binds(s) || !behind_history(s)) return std::nullopt;
  return give_way(s, fmt::format("our timeline {} is older than the cluster's {}",
                                 s.local.instance.status->timeline, s.cluster->history.back() + 1));
}

// Among so many members of /sync one has every acknowledged commit; and none of them is ahead of us.
Verdict too_few_votes(const Situation& s) {
  if (!no_leader(s) || !quorum_decides(s)) return std::nullopt;
  const auto votes = votes_for_us(s);
  if (votes.given >= votes.needed) return std::nullopt;
  return give_way(s, fmt::format("{} of {} needed votes", votes.given, votes.needed), 100ms);
}

Verdict acquire_key(const Situation& s) {
  if (!no_leader(s)) return std::nullopt;
  const auto& own = *s.local.instance.status;
  return acquire(s, fmt::format("{} at {} on timeline {}", own.in_recovery ? "standby" : "primary",
                                to_string(own.position), own.timeline));
}

constexpr Rule kRules[] = {
    {"race.no_answer", "Wait for our PostgreSQL.", no_answer},
    {"race.wal_still_comes", "While WAL comes from the former leader, wait for primary_race_backoff.",
     wal_still_comes},
    {"race.stop_confirming", "With a quorum, stop confirming the commits of the former leader.",
     stop_confirming},
    {"race.no_lease", "Wait for a lease.", no_lease},
    {"race.promotion_failed", "After a failed promotion, leave the key to others for a while.",
     promotion_failed},
    {"race.not_electable", "Leave the key to those who have every acknowledged commit.", not_electable},
    {"race.take_back", "A primary whose right has not ended takes its key back at once.", take_back},
    {"race.no_watchdog", "Without the watchdog it requires, a node leaves the key to others.", no_watchdog},
    {"race.not_in_failsafe", "In failsafe mode, leave the key to those whom a cut off primary would ask.",
     not_in_failsafe},
    {"race.follow_failsafe_leader", "Stream from the primary that leads in failsafe mode.",
     follow_failsafe_leader},
    {"race.sync_slots_in_failsafe", "Without etcd, move slots as leader and members tell one another.",
     sync_slots_in_failsafe},
    {"race.poll_peers", "Ask the other members how far they are.", poll_peers},
    {"race.promised", "Do not succeed a primary that was told it may go on.", promised},
    {"race.may_have_promised", "After a restart, do not succeed one that may have been told so.",
     may_have_promised},
    {"race.leave_to_candidate", "Leave the key to the candidate of a switchover.", leave_to_candidate},
    {"race.stepped_down", "After stepping down by request, leave the key to another.", stepped_down},
    {"race.primary_is_alive", "Let a running primary take its key back.", primary_is_alive},
    {"race.peer_is_ahead", "Leave the key to a node with more WAL; a primary that was overtaken ends.",
     peer_is_ahead},
    {"race.prefer_higher_priority", "At equal WAL, leave the key to a higher failover_priority.",
     prefer_higher_priority},
    {"race.too_far_behind", "Asynchronous: do not lose more than maximum_lag_on_failover.", too_far_behind},
    {"race.older_timeline", "Asynchronous: do not lead from before the last failover.", older_timeline},
    {"race.too_few_votes", "With a quorum, wait until enough others are not ahead of us.", too_few_votes},
    {"race.acquire_key", "Take the leader key.", acquire_key},
};

}  // namespace

std::span<const Rule> race_rules() { return kRules; }

}  // namespace holdfast::ha
