#include "ha/slot_rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ranges>

#include "ha/failsafe.hpp"
#include "ha/slots.hpp"

namespace holdfast::ha {
namespace {

// Without the dynamic configuration nobody knows which slots are permanent: nothing is dropped on a guess.
const ClusterView* known_cluster(const Situation& s) {
  return s.cluster && s.cluster->config_readable ? &*s.cluster : nullptr;
}

bool runs_as_standby(const Situation& s) {
  return s.local.instance.data == DataDirectory::valid && s.local.instance.status &&
         s.local.instance.status->in_recovery;
}

bool follows_a_leader(const Situation& s) {
  const auto* view = known_cluster(s);
  return view && view->leader && !is_leader(s) && runs_as_standby(s);
}

Verdict propose(SyncSlots plan) {
  if (plan.empty()) return std::nullopt;
  auto reason = fmt::format("create [{}], drop [{}]", fmt::join(plan.create | std::views::keys, ","),
                            fmt::join(plan.drop, ","));
  if (!plan.advance.empty())
    reason += fmt::format(", move [{}]", fmt::join(plan.advance | std::views::keys, ","));
  return Proposal{std::move(plan), std::move(reason)};
}

}  // namespace

Verdict sync_leader_slots(const Situation& s) {
  const auto* view = known_cluster(s);
  if (!view || !may_lead(s) || s.local.instance.data != DataDirectory::valid || !s.local.instance.status)
    return std::nullopt;
  if (s.local.instance.status->in_recovery && !s.settings.standby_cluster) return std::nullopt;
  return propose(plan_slots(s, *view));
}

Verdict sync_replica_slots(const Situation& s) {
  if (!follows_a_leader(s)) return std::nullopt;
  return propose(plan_slots(s, *known_cluster(s)));
}

Verdict sync_slots_in_failsafe(const Situation& s) {
  const auto& seen = s.cluster ? s.cluster : s.local.memory.slots.last_seen;
  if (!seen || !seen->config_readable || s.local.job || !s.local.instance.status ||
      s.local.instance.data != DataDirectory::valid)
    return std::nullopt;
  const auto* given = promise(s);
  std::optional<ClusterView> view;
  if (!s.local.instance.status->in_recovery && leads_in_failsafe(s))
    view = with_positions(*seen, s.local.memory.failsafe.positions);
  else if (runs_as_standby(s) && given != nullptr && (!s.cluster || !s.cluster->leader))
    view = told_by_leader(*seen, given->leader.name, given->slots);
  if (!view) return std::nullopt;
  auto plan = plan_slots(s, *view);
  plan.drop.clear();  // who is not seen now may only be cut off from etcd
  return propose(std::move(plan));
}

Verdict fetch_slots(const Situation& s) {
  const auto leader = leader_upstream(s);
  // It ends in a restart, which a paused cluster has no part in; and a standby that does not stream has other
  // cares.
  if (!follows_a_leader(s) || !leader || s.settings.pause || s.local.memory.slots.fetched ||
      !s.local.instance.status->receiver_streaming)
    return std::nullopt;
  auto missing = slots_to_copy(s, *known_cluster(s));
  if (missing.empty()) return std::nullopt;
  auto reason =
      fmt::format("logical slots [{}] are missing here", fmt::join(missing | std::views::keys, ","));
  return Proposal{FetchSlots{*leader, std::move(missing)}, std::move(reason)};
}

Verdict stop_for_slots(const Situation& s) {
  const auto& fetched = s.local.memory.slots.fetched;
  if (!follows_a_leader(s) || s.settings.pause || !fetched || fetched->files.empty()) return std::nullopt;
  return Proposal{StopPostgres{}, fmt::format("to place {} logical slot(s)", fetched->files.size())};
}

Verdict place_slots(const Situation& s) {
  const auto& instance = s.local.instance;
  const auto& fetched = s.local.memory.slots.fetched;
  if (instance.process != Process::stopped || instance.data != DataDirectory::valid ||
      !instance.standby_signal || !fetched)
    return std::nullopt;
  std::vector<std::string_view> names;
  for (const auto& file : fetched->files) names.emplace_back(file.name);
  return Proposal{PlaceSlots{}, fmt::format("logical slots [{}]", fmt::join(names, ","))};
}

}  // namespace holdfast::ha
