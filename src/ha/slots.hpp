// Which physical replication slots a leader keeps for its members.
#pragma once

#include <map>
#include <set>
#include <string>

#include "ha/situation.hpp"

namespace holdfast::ha {

struct SlotChanges {
  std::set<std::string> create;
  std::set<std::string> drop;
};

SlotChanges plan_slots(const Situation& situation);

// Folds one observation: since when each slot has had no member.
void observe_slots(std::map<std::string, base::Instant>& unused, const Situation& situation);

}  // namespace holdfast::ha
