#include <fmt/format.h>
#include <numeric>

#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

// Replicas that offer themselves as a source spare the leader. One that has just failed is left out.
std::vector<const Member*> willing_sources(const Situation& s) {
  std::vector<const Member*> willing;
  const auto& failure = s.local.memory.failure;
  for (const auto& member : s.cluster->members) {
    if (!member.tags.clonefrom || member.state != MemberState::running || member.conn_url.empty()) continue;
    if (member.name == s.local.name || s.cluster->led_by(member.name)) continue;
    if (failure && failure->kind == JobKind::clone && failure->source == member.name) continue;
    willing.push_back(&member);
  }
  return willing;
}

// The running leader; absent: it cannot be copied.
std::optional<Upstream> running_leader(const Situation& s) {
  auto leader = leader_upstream(s);
  if (!leader || s.cluster->member(leader->name)->state != MemberState::running) return std::nullopt;
  return leader;
}

}  // namespace

std::optional<Clone> clone_of_leader(const Situation& s) {
  auto leader = running_leader(s);
  if (!leader) return std::nullopt;
  return Clone{.source = std::move(*leader), .basebackup_only = true};
}

std::optional<Clone> clone_from(const Situation& s) {
  auto leader = running_leader(s);
  if (!leader) return std::nullopt;
  const auto willing = willing_sources(s);
  if (willing.empty()) return Clone{.source = std::move(*leader)};
  // Nodes of different names spread over them.
  const auto& name = s.local.name;
  const auto& chosen =
      *willing[static_cast<std::size_t>(std::accumulate(name.begin(), name.end(), 0u)) % willing.size()];
  return Clone{.source = {chosen.name, chosen.conn_url}, .from_replica = true};
}

Verdict pause_between_clones(const Situation& s, const std::optional<Clone>& next) {
  const auto until = backing_off(s, JobKind::clone);
  if (!until) return std::nullopt;
  const auto& failure = *s.local.memory.failure;
  const bool same_source = failure.source == (next ? next->source.name : "");
  // The leader stands in for a replica at once, but then they do not take turns without a pause.
  if (!same_source && (failure.in_a_row < 2 || !s.cluster->member(failure.source))) return std::nullopt;
  return Proposal{Wait{std::min(*until, next_look(s))},
                  fmt::format("the clone failed ({}); trying again soon", failure.error.message)};
}

}  // namespace holdfast::ha
