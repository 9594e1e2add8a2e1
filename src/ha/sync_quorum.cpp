#include "ha/sync_quorum.hpp"

#include <algorithm>

#include "pg/synchronous_standby_names.hpp"

namespace holdfast::ha {
namespace {

int number_outside(const Names& names, const Names& of) {
  return static_cast<int>(std::ranges::count_if(names, [&](const auto& name) { return !of.contains(name); }));
}

}  // namespace

// FIRST n of more than n: which of them confirm depends on who is connected, so any n of them may have.
Confirmation confirmation_of(std::string_view setting) {
  const auto parsed = pg::parse_synchronous_standby_names(setting);
  if (!parsed || parsed->everybody) return {};
  return {parsed->count, Names(parsed->names.begin(), parsed->names.end())};
}

int may_lack(const Names& standbys, const Confirmation& confirmation) {
  // At worst, those that are no candidates confirmed first.
  const int strangers = number_outside(confirmation.names, standbys);
  const int named = static_cast<int>(confirmation.names.size()) - strangers;
  const int have_it = std::clamp(confirmation.count - strangers, 0, named);
  return static_cast<int>(standbys.size()) - have_it;
}

bool safe(const Electorate& electorate, const Confirmation& confirmation) {
  return may_lack(electorate.standbys, confirmation) <= electorate.quorum;
}

int quorum_for(const Names& standbys, const Electorate& now, std::span<const Confirmation> confirmations,
               const Names& caught_up) {
  int newcomers = 0;  // not in /sync, and not known to have everything
  for (const auto& name : standbys)
    if (!now.standbys.contains(name) && !caught_up.contains(name)) ++newcomers;
  // What was acknowledged before: at most `now.quorum` of those in /sync lack some of it, and all newcomers.
  int quorum = std::min(number_outside(standbys, caught_up), now.quorum + newcomers);
  for (const auto& confirmation : confirmations) quorum = std::max(quorum, may_lack(standbys, confirmation));
  return quorum;
}

bool reachable(const Electorate& electorate) {
  return electorate.quorum <= std::max(0, static_cast<int>(electorate.standbys.size()) - 1);
}

}  // namespace holdfast::ha
