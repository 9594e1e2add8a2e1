#include "ha/sync_plan.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <vector>

#include "pg/synchronous_standby_names.hpp"

namespace holdfast::ha {
namespace {

bool quorum_mode(const Situation& s) { return s.settings.synchronous_mode == SynchronousMode::quorum; }

// Which standbys should confirm commits
// -------------------------------------------------------------------------------

pg::Lsn confirmed_position(const Situation& s, const StandbyConnection& standby) {
  switch (s.settings.synchronous_commit) {
    case SynchronousCommit::remote_write:
      return standby.write;
    case SynchronousCommit::remote_apply:
      return standby.replay;
    case SynchronousCommit::flush:
      break;
  }
  return standby.flush;
}

// Somebody between the leader and `member` serves it: then its own connection is a stopgap.
bool should_cascade(const Situation& s, const Member& member) {
  const auto& standbys = s.local.instance.status->standbys;
  const auto* at = &member;
  for (std::size_t steps = 0; steps <= s.cluster->members.size(); ++steps) {
    if (at->tags.replicatefrom.empty())
      return steps > 0 && std::ranges::find(standbys, at->name, &StandbyConnection::name) != standbys.end();
    at = s.cluster->member(at->tags.replicatefrom);
    if (at == nullptr || at->name == s.local.name || at->state != MemberState::running) return false;
  }
  return false;  // they replicate from one another in a circle
}

struct Usable {
  const StandbyConnection* standby;
  const Member* member;
  pg::Lsn position;
};

std::vector<Usable> usable_standbys(const Situation& s) {
  std::vector<Usable> usable;
  for (const auto& standby : s.local.instance.status->standbys) {
    const auto* member = s.cluster->member(standby.name);
    if (!standby.streaming || !member || member->tags.nosync || standby.name == s.local.name) continue;
    if (member->state != MemberState::running || should_cascade(s, *member)) continue;
    usable.push_back({&standby, member, confirmed_position(s, standby)});
  }
  // Lag is measured against the best of them, so that all of them being stuck drops none of them.
  if (const auto& most = s.settings.maximum_lag_on_syncnode) {
    auto newest = usable.size() > 1 ? pg::Lsn{} : s.local.instance.status->position;
    for (const auto& one : usable) newest = std::max(newest, one.position);
    std::erase_if(usable, [&](const Usable& one) { return lag_bytes(newest, one.position) > *most; });
  }
  return usable;
}

// As many as asked for, keeping those that confirm already; with a quorum, all that could be elected.
Names wanted_standbys(const Situation& s, const Names& electable, const Names& named) {
  auto usable = usable_standbys(s);
  std::ranges::sort(usable, {}, [&](const Usable& one) {
    return std::tuple(one.member->tags.nofailover, -one.member->tags.sync_priority,
                      !electable.contains(one.standby->name), !named.contains(one.standby->name),
                      ~one.position.value, one.standby->name);
  });
  const auto count = static_cast<std::size_t>(std::max(1, s.settings.synchronous_node_count));
  Names wanted;
  for (const auto& one : usable)
    if (wanted.size() < count || (quorum_mode(s) && !one.member->tags.nofailover))
      wanted.insert(one.standby->name);
  return wanted;
}

// What is to be reached
// ----------------------------------------------------------------------------------------------

struct Goal {
  Electorate electorate;
  std::string names;    // synchronous_standby_names
  bool nobody = false;  // no standby can confirm anything now
};

std::string names_for(const Situation& s, const Names& standbys, int count) {
  if (standbys.empty() && !s.settings.synchronous_mode_strict) return {};
  if (standbys.empty())
    return quorum_mode(s) ? fmt::format("ANY 1 ({})", kStrictPlaceholder) : std::string(kStrictPlaceholder);
  return pg::to_string({.method = quorum_mode(s) ? pg::SynchronousStandbys::Method::any
                                                 : pg::SynchronousStandbys::Method::first,
                        .count = count,
                        .names = {standbys.begin(), standbys.end()}});
}

// The names under which every commit survives an election by `electorate`.
std::string names_safe_for(const Situation& s, const Electorate& electorate) {
  const int count = static_cast<int>(electorate.standbys.size()) - electorate.quorum;
  return names_for(s, electorate.standbys, count);
}

Electorate electorate_of(const Situation& s) {
  const SyncState state = s.cluster->sync.value_or(SyncState{});
  return {state.standbys, state.quorum};
}

Goal goal_of(const Situation& s, const Electorate& now) {
  const auto named = pg::standbys_named(s.local.instance.status->synchronous_standby_names);
  const auto wanted = wanted_standbys(s, now.standbys, named);
  if (wanted.empty() && s.settings.synchronous_mode_strict) return {now, names_safe_for(s, now), true};
  const int size = static_cast<int>(wanted.size());
  const int count = quorum_mode(s) ? std::min(size, std::max(1, s.settings.synchronous_node_count)) : size;
  return {{wanted, size - count}, names_for(s, wanted, count), wanted.empty()};
}

// What may be next
// -----------------------------------------------------------------------------------------------------

Names caught_up(const Situation& s) {
  const auto& barrier = s.local.memory.sync_barrier;
  const auto& status = *s.local.instance.status;
  Names names;
  if (!barrier || barrier->names != status.synchronous_standby_names || !barrier->position) return names;
  for (const auto& standby : status.standbys)
    if (standby.streaming && standby.synchronous && standby.flush >= *barrier->position)
      names.insert(standby.name);
  return names;
}

Names common(const Names& a, const Names& b) {
  Names both;
  std::ranges::set_intersection(a, b, std::inserter(both, both.end()));
  return both;
}

Names all_of(const Names& a, const Names& b) {
  Names either = a;
  either.insert(b.begin(), b.end());
  return either;
}

class Steps {
 public:
  Steps(const Situation& s, Electorate now)
      : s_(s), now_(std::move(now)), goal_(goal_of(s, now_)), caught_up_(caught_up(s)) {}

  std::optional<PlannedStep> next() const {
    const auto& names = s_.local.instance.status->synchronous_standby_names;
    const auto current = confirmation_of(names);
    // Normally it is safe. After somebody else changed the setting, or left one behind, it may not be.
    if (!safe(now_, current)) return narrow({current}, {now_.standbys, common(now_.standbys, current.names)});
    if (names == goal_.names) return widen(current);
    const auto wanted = confirmation_of(goal_.names);
    if (safe(now_, wanted)) return set_names(wanted);
    return narrow({current, wanted},
                  {goal_.electorate.standbys, common(now_.standbys, goal_.electorate.standbys)});
  }
  const Goal& goal() const { return goal_; }

 private:
  std::optional<Electorate> electorate_with(const Names& standbys,
                                            std::span<const Confirmation> confirmations) const {
    Electorate next{standbys, quorum_for(standbys, now_, confirmations, caught_up_)};
    if (!reachable(next) || (!quorum_mode(s_) && next.quorum > 0)) return std::nullopt;
    return next;
  }

  PlannedStep narrow(std::vector<Confirmation> confirmations, const std::array<Names, 2>& choices) const {
    for (const auto& standbys : choices)
      if (const auto next = electorate_with(standbys, confirmations); next && *next != now_)
        return {NarrowState{*next}, change_to(*next)};
    return {NarrowState{}, change_to({})};  // only the leader, who has everything
  }

  PlannedStep set_names(const Confirmation& wanted) const {
    if (goal_.nobody && s_.settings.synchronous_mode_strict)
      return {SetNames{goal_.names}, *strict_wait(s_), true};
    if (wanted.names.empty()) return {SetNames{}, "no standby can confirm commits"};
    const bool all = static_cast<std::size_t>(wanted.count) == wanted.names.size();
    return {SetNames{goal_.names},
            all ? fmt::format("commits wait for [{}]", fmt::join(wanted.names, ","))
                : fmt::format("commits wait for {} of [{}]", wanted.count, fmt::join(wanted.names, ","))};
  }

  std::optional<PlannedStep> widen(const Confirmation& current) const {
    const auto& standbys = goal_.electorate.standbys;
    std::optional<Electorate> best;
    for (const auto& choice : {standbys, common(standbys, all_of(now_.standbys, caught_up_))}) {
      auto next = electorate_with(choice, {&current, 1});
      if (next && (!best || next->quorum < best->quorum)) best = std::move(next);
    }
    if (!best || *best == now_) return std::nullopt;
    const auto ready = common(best->standbys, caught_up_);
    if (ready.empty()) return PlannedStep{WidenState{*best}, change_to(*best)};
    return PlannedStep{WidenState{*best},
                       fmt::format("[{}] confirmed everything up to {}", fmt::join(ready, ","),
                                   to_string(*s_.local.memory.sync_barrier->position))};
  }

  std::string change_to(const Electorate& next) const {
    const auto text = [](const Electorate& electorate) {
      return electorate.quorum == 0
                 ? fmt::format("[{}]", fmt::join(electorate.standbys, ","))
                 : fmt::format("[{}] with quorum {}", fmt::join(electorate.standbys, ","), electorate.quorum);
    };
    return fmt::format("synchronous standbys {} become {}", text(now_), text(next));
  }

  const Situation& s_;
  Electorate now_;
  Goal goal_;
  Names caught_up_;
};

std::optional<PlannedStep> plan_leaving_sync_mode(const Situation& s, const SyncState& state) {
  if (!state.standbys.empty() && state.leader == s.local.name)
    return PlannedStep{NarrowState{}, "synchronous mode is off; commits will no longer wait for anybody"};
  if (!s.local.instance.status->synchronous_standby_names.empty())
    return PlannedStep{SetNames{}, "synchronous mode is off"};
  if (state.mod_revision != 0) return PlannedStep{DropState{}, "synchronous mode is off"};
  return std::nullopt;
}

}  // namespace

std::optional<PlannedStep> plan_sync(const Situation& s) {
  if (s.settings.synchronous_mode == SynchronousMode::off)
    return plan_leaving_sync_mode(s, s.cluster->sync.value_or(SyncState{}));
  return Steps(s, electorate_of(s)).next();
}

bool awaits_confirmation(const Situation& s) {
  if (s.settings.synchronous_mode == SynchronousMode::off || !s.cluster->sync) return false;
  const Steps steps(s, electorate_of(s));
  return steps.goal().electorate != electorate_of(s);
}

std::optional<std::string> strict_wait(const Situation& s) {
  if (s.settings.synchronous_mode == SynchronousMode::off || !s.settings.synchronous_mode_strict)
    return std::nullopt;
  const auto goal = goal_of(s, electorate_of(s));
  if (!goal.nobody) return std::nullopt;
  const auto& names = s.local.instance.status->synchronous_standby_names;
  const bool kept = names == goal.names && !goal.electorate.standbys.empty();
  return fmt::format(
      "No active replication connections from Patroni members and synchronous_mode_strict is requested. "
      "{}Commits will be delayed.",
      kept ? fmt::format("Continue using old value of synchronous_standby_names='{}'. ", names) : "");
}

std::string names_before_promotion(const Situation& s) {
  return s.settings.synchronous_mode == SynchronousMode::off ? std::string() : names_for(s, {}, 0);
}

void observe_sync_names(std::optional<SyncBarrier>& barrier, const ServerStatus& status) {
  if (status.in_recovery) {
    barrier.reset();
    return;
  }
  const auto& names = status.synchronous_standby_names;
  if (barrier && barrier->names == names) return;
  const bool waited =
      barrier && !barrier->names.empty() && (barrier->commits_waited || barrier->position.has_value());
  barrier = SyncBarrier{.names = names, .commits_waited = waited};
}

}  // namespace holdfast::ha
