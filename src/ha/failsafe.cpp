#include "ha/failsafe.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "ha/memory.hpp"
#include "ha/rules.hpp"

namespace holdfast::ha {

std::optional<std::map<MemberName, std::string>> failsafe_members(const Situation& s) {
  const auto& known = s.local.memory.failsafe;
  if (!s.settings.failsafe_mode || !known.members.contains(s.local.name)) return std::nullopt;
  auto members = known.members;
  if (known.attempt) members.insert(known.attempt->members.begin(), known.attempt->members.end());
  return members;
}

std::map<MemberName, std::string> wanted_failsafe(const Situation& s) {
  std::map<MemberName, std::string> wanted;
  for (const auto& member : s.cluster->members)
    if (!member.api_url.empty()) wanted[member.name] = member.api_url;
  wanted.emplace(s.local.name, s.local.api_url);
  return wanted;
}

bool etcd_unknown(const Situation& s) {
  if (!s.cluster) return true;
  return s.local.memory.lease_failed_at && (!s.cluster->leader || is_leader(s));
}

bool leads_in_failsafe(const Situation& s) {
  const auto& until = s.local.memory.failsafe.confirmed_until;
  return etcd_unknown(s) && may_accept_writes(s.local) && until && s.now < *until;
}

const FailsafePromise* promise(const Situation& s) {
  const auto& given = s.local.memory.promise;
  return given && s.now < given->until ? &*given : nullptr;
}

std::optional<Upstream> promised_leader(const Situation& s) {
  const auto* given = promise(s);
  if (given == nullptr || given->leader.conn_url.empty()) return std::nullopt;
  // Once etcd has said that nobody leads, somebody may have been given our vote, and with it our word to
  // confirm no commit of an earlier leader (race.stop_confirming).
  if (s.settings.synchronous_mode == SynchronousMode::quorum && s.local.memory.leaderless_since)
    return std::nullopt;
  return Upstream{given->leader.name, given->leader.conn_url};
}

std::optional<std::string> refuse_failsafe(const Situation& s, const Instance& instance,
                                           const MemberName& asking, base::Instant now) {
  LocalState local = s.local;
  local.instance = instance;
  const bool has_right = local.right_until && now < *local.right_until;
  if (may_accept_writes(local) || has_right) return "Running as a leader";
  if (asking == local.name) return fmt::format("{} is this node itself", asking);
  if (s.cluster && s.cluster->leader && s.cluster->leader->name != asking)
    return fmt::format("{} holds the leader key", s.cluster->leader->name);
  return std::nullopt;
}

void fold_failsafe_request(Situation& s, FailsafeRequest request, base::Instant now) {
  auto& given = s.local.memory.promise;
  auto until = now + std::max(s.settings.ttl, request.ttl);
  // A leader of before may still rely on what it was promised.
  if (given) until = std::max(until, given->until);
  given = FailsafePromise{std::move(request.leader), now, until, std::move(request.slots)};
}

void fold_failsafe_answers(Situation& s, const std::vector<FailsafeAnswer>& answers, base::Instant asked_at,
                           base::Instant now) {
  auto& local = s.local;
  auto& known = local.memory.failsafe;
  s.failsafe_asked = true;
  known.asked_at = asked_at;
  known.positions.clear();
  std::string refusal;
  for (const auto& answer : answers) {
    if (answer.position) known.positions[answer.name] = *answer.position;
    if (answer.refusal.empty()) continue;
    refusal += fmt::format("{}{}: {}", refusal.empty() ? "" : "; ", answer.name, answer.refusal);
  }
  if (refusal.empty() && (!local.right_until || now >= *local.right_until))
    refusal = "the answers came too late";
  known.refusal = std::move(refusal);
  if (!known.refusal.empty()) {
    if (!known.refused_since) known.refused_since = asked_at;
    return;
  }
  known.refused_since.reset();
  known.confirmed_at = asked_at;
  known.confirmed_until = right_until(Lease{.renewed_at = asked_at, .ttl = s.settings.ttl});
  local.right_until = std::max(*local.right_until, renewed_right(local));
}

}  // namespace holdfast::ha
