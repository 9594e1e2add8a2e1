#include "ha/candidate.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

#include "ha/control.hpp"
#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

bool streams_from_us(const Situation& s, std::string_view name) {
  const auto& status = s.local.instance.status;
  return status && std::ranges::any_of(status->standbys, [&](const StandbyConnection& standby) {
           return standby.name == name && standby.streaming;
         });
}

// Why `member` cannot take over from this leader; empty when it can. `runs`: its PostgreSQL has been seen to,
// which an entry in etcd may tell only seconds later.
std::string obstacle(const Situation& s, const Member& member, bool runs) {
  if (member.name == s.local.name) return "it is the leader";
  if (member.tags.nofailover) return "it is tagged nofailover";
  if (!runs && member.state != MemberState::running) return "its PostgreSQL does not run";
  if (sync_set_binds(s) && !s.cluster->sync->standbys.contains(member.name))
    return "it is not a synchronous standby";
  if (s.local.instance.status && !streams_from_us(s, member.name))
    return "it does not stream from the leader";
  return {};
}

}  // namespace

bool sync_set_binds(const Situation& s) {
  return s.settings.synchronous_mode != SynchronousMode::off && s.cluster && s.cluster->sync &&
         !s.cluster->sync->leader.empty();
}

bool quorum_decides(const Situation& s) {
  return sync_set_binds(s) &&
         (s.settings.synchronous_mode == SynchronousMode::quorum || s.cluster->sync->quorum > 0);
}

bool has_every_commit(const Situation& s, std::string_view name) {
  return !sync_set_binds(s) || s.cluster->sync->includes(name);
}

std::optional<Revision> confirms_nothing_since(const Situation& s, const Instance& instance) {
  if (!quorum_decides(s) || s.cluster->leader || !instance.status || !instance.status->in_recovery)
    return std::nullopt;
  if (instance.upstream || instance.status->receiver_streaming) return std::nullopt;
  return s.cluster->sync->mod_revision;
}

namespace {

bool votes_for_us(const Situation& s, const MemberName& name, const PeerStatus& report) {
  const auto& own = *s.local.instance.status;
  if (!s.cluster->sync->includes(name) || !report.running || !report.in_recovery) return false;
  if (std::tuple(report.timeline, report.position) > std::tuple(own.timeline, own.position)) return false;
  const auto* member = s.cluster->member(name);
  const bool is_patroni = member && member->holdfast.empty();
  return is_patroni || report.confirms_nothing_since == s.cluster->sync->mod_revision;
}

}  // namespace

Votes votes_for_us(const Situation& s) {
  const auto& sync = *s.cluster->sync;
  if (sync.leader == s.local.name) return {};  // it acknowledged nothing that it does not have
  // One who is not in /sync has perhaps none of the commits: it needs one vote more.
  Votes votes{.needed = sync.quorum + (sync.includes(s.local.name) ? 0 : 1)};
  if (!s.peers) return votes;
  for (const auto& [name, report] : *s.peers)
    if (report && votes_for_us(s, name, *report)) ++votes.given;
  return votes;
}

bool electable(const Situation& s, std::string_view name) {
  const auto* member = s.cluster ? s.cluster->member(name) : nullptr;
  const bool nofailover = name == s.local.name ? s.local.tags.nofailover && !runs_primary(s.local)
                                               : member && member->tags.nofailover;
  return !nofailover && (has_every_commit(s, name) || s.settings.synchronous_mode == SynchronousMode::quorum);
}

std::optional<MemberName> lossless_candidate(const Situation& s) {
  if (!sync_set_binds(s)) return std::nullopt;
  std::optional<MemberName> candidate;
  int healthy = 0;
  for (const auto& member : s.cluster->members) {
    if (member.name == s.local.name || !s.cluster->sync->standbys.contains(member.name)) continue;
    if (member.state != MemberState::running || member.role != MemberRole::replica ||
        member.replication_state != "streaming")
      continue;
    ++healthy;
    if (!candidate && !member.tags.nofailover) candidate = member.name;
  }
  return healthy > s.cluster->sync->quorum ? candidate : std::nullopt;
}

namespace {

bool could_follow_us(const Situation& s, const PeerStatus& report) {
  if (!report.running || !report.in_recovery || !report.dcs_reachable || report.watchdog_failed) return false;
  if (sync_set_binds(s)) return true;
  const auto& history = s.cluster->history;
  return lag_bytes(s.cluster->status.optime, report.position) <= s.settings.maximum_lag_on_failover &&
         (history.empty() || report.timeline > history.back());
}

}  // namespace

std::optional<MemberName> answering_candidate(const Situation& s, const FailoverRequest& request,
                                              std::optional<pg::Lsn> needed) {
  if (!s.cluster || !s.peers) return std::nullopt;
  std::optional<MemberName> candidate;
  int voters = 0;
  for (const auto& [name, report] : *s.peers) {
    if (!report || !could_follow_us(s, *report)) continue;
    if (sync_set_binds(s) && s.cluster->sync->standbys.contains(name)) ++voters;
    const auto* member = s.cluster->member(name);
    if (candidate || !member || (request.candidate && *request.candidate != name)) continue;
    if (needed && report->position <= *needed) continue;
    if (obstacle(s, *member, true).empty()) candidate = name;
  }
  if (sync_set_binds(s) && voters <= s.cluster->sync->quorum) return std::nullopt;
  return candidate;
}

std::vector<Member> peers_to_ask(const Situation& s) {
  std::vector<Member> peers;
  for (const auto& member : s.cluster->members)
    if (member.name != s.local.name) peers.push_back(member);
  const auto& last = s.local.memory.last_leader;
  if (last && !s.cluster->member(last->name)) peers.push_back(*last);
  if (!s.settings.failsafe_mode) return peers;
  for (const auto& [name, api_url] : s.cluster->failsafe)
    if (name != s.local.name && std::ranges::find(peers, name, &Member::name) == peers.end())
      peers.push_back({.name = name, .api_url = api_url});
  return peers;
}

SwitchoverCheck check_switchover(const Situation& s, const FailoverRequest& request) {
  if (request.leader && *request.leader != s.local.name)
    return {false, fmt::format("asked of {}, but {} is the leader", *request.leader, s.local.name)};
  if (request.candidate) {
    const auto* member = s.cluster->member(*request.candidate);
    if (!member) return {false, fmt::format("candidate {} is not a member", *request.candidate)};
    if (auto why = obstacle(s, *member, streams_from_us(s, member->name)); !why.empty())
      return {false, fmt::format("candidate {} cannot take over: {}", member->name, why)};
    return {true, fmt::format("to {}", member->name)};
  }
  if (paused(s)) return {false, "while the cluster is paused it is possible only to a specific candidate"};
  std::string why_not = "there is no other member";
  for (const auto& member : s.cluster->members) {
    if (member.name == s.local.name) continue;
    const auto why = obstacle(s, member, streams_from_us(s, member.name));
    if (why.empty()) return {true, "to any healthy member"};
    why_not = fmt::format("{}: {}", member.name, why);
  }
  return {false, fmt::format("no member can take over ({})", why_not)};
}

bool asks_us_to_step_down(const Situation& s) {
  if (!s.cluster || !s.cluster->failover) return false;
  const auto& request = *s.cluster->failover;
  if (request.scheduled_at && (*request.scheduled_at > s.wall_time || paused(s))) return false;
  return (!request.leader || *request.leader == s.local.name) && request.candidate != s.local.name;
}

}  // namespace holdfast::ha
