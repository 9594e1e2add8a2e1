#include "ha/sync_plan.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <vector>

#include "pg/synchronous_standby_names.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

// Each WAL sender re-reads its configuration on its own. Only what is committed after all of them have is
// certain to be confirmed by the new names; a live one takes a millisecond, a starved one some more.
constexpr base::Duration kNamesSettle = 100ms;

using Names = std::set<MemberName>;

// The members that should confirm commits: as many as asked for, keeping those that do already.
Names wanted_standbys(const Situation& s, const Names& electable, const Names& named) {
  std::vector<const StandbyConnection*> usable;
  for (const auto& standby : s.local.instance.status->standbys) {
    const auto* member = s.cluster->member(standby.name);
    if (standby.streaming && member && !member->tags.nosync && standby.name != s.local.name)
      usable.push_back(&standby);
  }
  const auto rank = [&](const StandbyConnection* standby) {
    return std::tuple(!electable.contains(standby->name), !named.contains(standby->name),
                      ~standby->flush.value, standby->name);
  };
  std::ranges::sort(usable, {}, rank);
  Names wanted;
  for (const auto* standby : usable)
    if (wanted.size() < static_cast<std::size_t>(std::max(1, s.settings.synchronous_node_count)))
      wanted.insert(standby->name);
  return wanted;
}

std::string names_for(const Situation& s, const Names& standbys) {
  if (standbys.empty())
    return s.settings.synchronous_mode_strict ? std::string(kStrictPlaceholder) : std::string();
  return pg::synchronous_standby_names({standbys.begin(), standbys.end()});
}

std::optional<PlannedStep> plan_leaving_sync_mode(const Situation& s, const SyncState& state) {
  if (!state.standbys.empty() && state.leader == s.local.name)
    return PlannedStep{NarrowState{}, "synchronous mode is off; commits will no longer wait for anybody"};
  if (!s.local.instance.status->synchronous_standby_names.empty())
    return PlannedStep{SetNames{}, "synchronous mode is off"};
  if (state.mod_revision != 0) return PlannedStep{DropState{}, "synchronous mode is off"};
  return std::nullopt;
}

// Whom a commit can certainly not do without: everybody who is named, if all of them are counted.
Names must_confirm(std::string_view setting) {
  const auto parsed = pg::parse_synchronous_standby_names(setting);
  if (!parsed || parsed->everybody || static_cast<std::size_t>(parsed->count) < parsed->names.size())
    return {};
  return {parsed->names.begin(), parsed->names.end()};
}

// Those of `electable` that may stay so. Normally all are named; after somebody else changed the setting, or
// left another kind of it behind, they may not be.
Names kept_electable(const Names& electable, const Names& wanted, std::string_view setting) {
  const auto confirming = must_confirm(setting);
  Names kept;
  for (const auto& name : electable)
    if (wanted.contains(name) && confirming.contains(name)) kept.insert(name);
  return kept;
}

bool caught_up(const Situation& s, const StandbyConnection& standby) {
  const auto& barrier = s.local.memory.sync_barrier;
  return barrier && barrier->names == s.local.instance.status->synchronous_standby_names &&
         barrier->position && standby.streaming && standby.synchronous && standby.flush >= *barrier->position;
}

}  // namespace

std::optional<PlannedStep> plan_sync(const Situation& s) {
  const auto& status = *s.local.instance.status;
  const SyncState state = s.cluster->sync.value_or(SyncState{});
  if (s.settings.synchronous_mode == SynchronousMode::off) return plan_leaving_sync_mode(s, state);

  const auto named = pg::standbys_named(status.synchronous_standby_names);
  const auto wanted = wanted_standbys(s, state.standbys, named);

  const auto kept = kept_electable(state.standbys, wanted, status.synchronous_standby_names);
  if (kept != state.standbys)
    return PlannedStep{NarrowState{kept}, fmt::format("synchronous standbys [{}] become [{}]",
                                                      fmt::join(state.standbys, ","), fmt::join(kept, ","))};

  if (const auto names = names_for(s, wanted); names != status.synchronous_standby_names)
    return PlannedStep{SetNames{names}, wanted.empty()
                                            ? "no standby can confirm commits"
                                            : fmt::format("commits wait for [{}]", fmt::join(wanted, ","))};

  Names ready = kept;
  for (const auto& standby : status.standbys)
    if (wanted.contains(standby.name) && caught_up(s, standby)) ready.insert(standby.name);
  if (ready != state.standbys)
    return PlannedStep{WidenState{ready},
                       fmt::format("[{}] confirmed everything up to {}", fmt::join(ready, ","),
                                   to_string(*s.local.memory.sync_barrier->position))};
  return std::nullopt;
}

void observe_sync_names(std::optional<SyncBarrier>& barrier, const ServerStatus& status, base::Instant now) {
  if (status.in_recovery) {
    barrier.reset();
    return;
  }
  if (!barrier || barrier->names != status.synchronous_standby_names)
    barrier = SyncBarrier{.names = status.synchronous_standby_names, .since = now};
  if (!barrier->position && now >= barrier->since + kNamesSettle) barrier->position = status.position;
}

}  // namespace holdfast::ha
