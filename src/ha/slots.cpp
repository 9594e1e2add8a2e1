#include "ha/slots.hpp"

#include <algorithm>

#include "pg/names.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

// Patroni's member_slots_ttl: how long WAL is kept for a member that is away.
constexpr base::Duration kMemberSlotsTtl = 30min;

std::set<std::string> wanted_slots(const Situation& s) {
  std::set<std::string> wanted;
  if (s.settings.use_slots)
    for (const auto& member : s.cluster->members)
      if (member.name != s.local.name) wanted.insert(pg::slot_name(member.name));
  return wanted;
}

}  // namespace

SlotChanges plan_slots(const Situation& s) {
  SlotChanges changes{.create = wanted_slots(s), .drop = {}};
  for (const auto& slot : s.local.instance.status->slots) {
    changes.create.erase(slot.name);
    const auto unused = s.local.memory.unused_slots.find(slot.name);
    if (unused != s.local.memory.unused_slots.end() && s.now >= unused->second + kMemberSlotsTtl)
      changes.drop.insert(slot.name);
  }
  return changes;
}

void observe_slots(std::map<std::string, base::Instant>& unused, const Situation& s) {
  if (!s.cluster || !s.local.instance.status) return;
  const auto wanted = wanted_slots(s);
  std::map<std::string, base::Instant> still_unused;
  for (const auto& slot : s.local.instance.status->slots) {
    if (slot.logical || slot.active || wanted.contains(slot.name)) continue;
    const auto known = unused.find(slot.name);
    still_unused[slot.name] = known == unused.end() ? s.now : known->second;
  }
  unused = std::move(still_unused);
}

}  // namespace holdfast::ha
