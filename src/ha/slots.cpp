#include "ha/slots.hpp"

#include <algorithm>
#include <charconv>
#include <ranges>

#include "ha/rules.hpp"
#include "pg/names.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

// What failed is tried again after this, so that neither the log nor PostgreSQL drowns in attempts.
constexpr base::Duration kTryAgain = 5s;
// A copy costs a restart of the standby: one that did not help must not become a series of restarts.
constexpr base::Duration kCopyAgain = 1min;
// A slot file that could not be placed by then is too old.
constexpr base::Duration kFetchedFor = 3min;
constexpr int kVersionOfMemberSlots = 4;  // Patroni's, whose leaders tell the positions of members' slots

// A member of the cluster, seen as the owner of slots.
struct Node {
  const MemberName& name;
  const Tags& tags;
  bool leading = false;
};

bool keeps_all_member_slots(const Settings& settings) { return settings.member_slots_ttl > base::Duration{}; }

pg::Lsn position_in(const ClusterView& view, const std::string& slot) {
  const auto found = view.status.slots.find(slot);
  return found == view.status.slots.end() ? pg::Lsn{} : found->second;
}

int major_version(std::string_view version) {
  int major = kVersionOfMemberSlots;  // of what does not say: ours
  std::from_chars(version.data(), version.data() + version.size(), major);
  return major;
}

// An older leader says nothing of its members' slots: their own entries do.
bool leader_tells_members(const ClusterView& view) {
  const auto* leader = view.leader ? view.member(view.leader->name) : nullptr;
  return !leader || major_version(leader->version) >= kVersionOfMemberSlots;
}

// The slot on the primary that moves with this member: its own, or that of whoever it streams through. Absent
// when no stream leads there.
std::optional<std::string> slot_on_primary(const ClusterView& view, MemberName name, const Tags* tags) {
  for (std::set<MemberName> seen; seen.insert(name).second;) {
    if (tags->nostream) return std::nullopt;
    const auto* through = tags->replicatefrom.empty() || tags->replicatefrom == name
                              ? nullptr
                              : view.member(tags->replicatefrom);
    if (!through) return pg::slot_name(name);
    name = through->name;
    tags = &through->tags;
  }
  return std::nullopt;
}

bool streams_from(const Node& node, const Member& member, const ClusterView& view) {
  const auto& from = member.tags.replicatefrom;
  if (node.leading) return from.empty() || from == node.name || !view.member(from);
  return from == node.name && !view.led_by(member.name);
}

void want_member_slots(WantedSlots& wanted, const Node& node, const Situation& s, const ClusterView& view) {
  const bool keeps_all = keeps_all_member_slots(s.settings);
  for (const auto& member : view.members) {
    if (member.name == node.name || member.tags.nostream) continue;
    const bool here = streams_from(node, member, view);
    // Who cannot become leader has slots only for those who stream from him anyway.
    if (keeps_all ? node.tags.nofailover && member.tags.replicatefrom != node.name : !here) continue;
    const auto name = pg::slot_name(member.name);
    auto position = position_in(view, name);
    // The leader's slot of a member that streams from another node stands still: the member knows better.
    if (!member.tags.replicatefrom.empty() || !leader_tells_members(view))
      position = std::max(position, member.xlog_location.value_or(pg::Lsn{}));
    wanted[name] = {.used_here = here, .position = position};
  }
}

// Slots of members that are away.
void want_retained_slots(WantedSlots& wanted, const Node& node, const Situation& s, const ClusterView& view) {
  if (node.tags.nofailover) return;
  const auto own = pg::slot_name(node.name);
  const auto retain = [&](const std::string& name) {
    if (name != own && pg::is_slot_name(name)) wanted.try_emplace(name);
  };
  // The leader's own list is newer than the one he has written.
  if (const auto& kept = s.local.memory.slots.retained; kept && is_leader(s))
    std::ranges::for_each(kept->seen | std::views::keys, retain);
  else
    std::ranges::for_each(view.status.retain_slots, retain);
}

bool fits_cluster(const PermanentSlot& slot, const Settings& settings) {
  using Type = PermanentSlot::ClusterType;
  if (slot.logical) return !settings.standby_cluster;
  return slot.cluster_type != (settings.standby_cluster ? Type::primary : Type::standby);
}

// How far a member has come that streams through others and has this slot.
pg::Lsn member_position(const ClusterView& view, const std::string& slot) {
  for (const auto& member : view.members)
    if (!member.tags.replicatefrom.empty() && pg::slot_name(member.name) == slot)
      return member.xlog_location.value_or(pg::Lsn{});
  return {};
}

bool is_cascading_member(const ClusterView& view, const std::string& slot) {
  return std::ranges::any_of(view.members, [&](const auto& member) {
    return !member.tags.replicatefrom.empty() && pg::slot_name(member.name) == slot;
  });
}

void want_permanent_slots(WantedSlots& wanted, const Node& node, const Situation& s,
                          const ClusterView& view) {
  if (node.tags.nofailover) return;
  // Without a stream to the primary nothing keeps the catalog rows there that a logical slot needs.
  const bool gives_feedback = slot_on_primary(view, node.name, &node.tags).has_value();
  const auto own = pg::slot_name(node.name);
  for (const auto& [name, slot] : s.settings.permanent_slots) {
    if (wanted.contains(name) || !fits_cluster(slot, s.settings)) continue;
    if (slot.logical) {
      if (gives_feedback)
        wanted[name] = {.logical = true,
                        .database = slot.database,
                        .plugin = slot.plugin,
                        .position = position_in(view, name)};
    } else if (name != own) {
      wanted[name] = {.used_here = node.leading && !is_cascading_member(view, name),
                      .position = std::max(position_in(view, name), member_position(view, name))};
    }
  }
}

WantedSlots wanted_slots_of(const Node& node, const Situation& s, const ClusterView& view) {
  WantedSlots wanted;
  if (!s.settings.use_slots) return wanted;
  want_member_slots(wanted, node, s, view);
  want_retained_slots(wanted, node, s, view);
  want_permanent_slots(wanted, node, s, view);
  return wanted;
}

bool is_primary(const Situation& s) { return !s.local.instance.status->in_recovery; }

// As primary, or as leader of a standby cluster.
bool leads(const Situation& s) { return is_primary(s) || (s.settings.standby_cluster && is_leader(s)); }

bool ignored(const Slot& slot, const Settings& settings) {
  const auto matches = [](const std::string& wanted, std::string_view found) {
    return wanted.empty() || wanted == found;
  };
  return std::ranges::any_of(settings.ignore_slots, [&](const auto& matcher) {
    return matches(matcher.name, slot.name) && matches(matcher.database, slot.database) &&
           matches(matcher.plugin, slot.plugin) &&
           matches(matcher.type, slot.logical ? "logical" : "physical");
  });
}

bool same_kind(const Slot& slot, const WantedSlot& wanted) {
  return slot.logical == wanted.logical &&
         (!slot.logical || (slot.database == wanted.database && slot.plugin == wanted.plugin));
}

bool must_go(const Slot& slot, const WantedSlot* wanted, const Situation& s, const ClusterView& view) {
  if (!wanted || slot.lost)
    return !s.settings.pause && s.settings.slots_understood && !ignored(slot, s.settings);
  if (!same_kind(slot, *wanted)) return true;
  if (slot.logical) return false;
  // Nobody will move the horizon of a slot that nobody uses: vacuum would stop for good. While there is no
  // leader, or while we are about to be promoted, it may come into use again.
  const bool settled = view.leader && (!view.led_by(s.local.name) || is_primary(s));
  if (settled && wanted->used_here == false && slot.has_xmin) return true;
  // Made by somebody who reserved no WAL for it: it cannot be moved.
  return wanted->used_here != true && !slot.has_xmin && !slot.restart_lsn;
}

// Up to where a slot is moved: not beyond what this server has itself.
std::optional<pg::Lsn> target(const Slot& slot, const WantedSlot& wanted, const Situation& s) {
  const auto& status = *s.local.instance.status;
  const auto to = std::min(wanted.position, status.in_recovery ? status.replayed : status.position);
  if (slot.logical) {
    if (is_primary(s) || !slot.confirmed || *slot.confirmed >= to) return std::nullopt;
    return to;
  }
  if (wanted.used_here == true || slot.has_xmin || !slot.restart_lsn || *slot.restart_lsn >= to)
    return std::nullopt;
  return to;
}

NewSlot kind_of(const WantedSlot& slot) {
  return {.logical = slot.logical, .database = slot.database, .plugin = slot.plugin};
}

bool left_alone(const Situation& s, const std::string& name) {
  const auto& slots = s.local.memory.slots;
  return slots.trouble.contains(name) || slots.busy.contains(name);
}

void plan_present(SyncSlots& plan, const Slot& slot, const WantedSlot* wanted, const Situation& s,
                  const ClusterView& view) {
  // A slot in use can neither be dropped nor moved by anybody else.
  if (slot.active || left_alone(s, slot.name)) return;
  if (must_go(slot, wanted, s, view))
    plan.drop.insert(slot.name);
  else if (wanted && same_kind(slot, *wanted))
    if (const auto to = target(slot, *wanted, s))
      plan.advance[slot.name] = {.database = slot.database, .to = *to};
}

const Slot* find_slot(const Situation& s, const std::string& name) {
  const auto& slots = s.local.instance.status->slots;
  const auto found = std::ranges::find(slots, name, &Slot::name);
  return found == slots.end() ? nullptr : &*found;
}

// Copying starts with the leader's word that the slot exists there.
bool can_be_copied(const Situation& s, const WantedSlot& wanted) {
  return wanted.logical && !is_primary(s) && wanted.position > pg::Lsn{};
}

// Names in /status when only permanent slots are told of.
void keep_permanent(ClusterStatus& status, const Situation& s) {
  std::erase_if(status.slots, [&](const auto& entry) {
    const auto found = s.settings.permanent_slots.find(entry.first);
    return found == s.settings.permanent_slots.end() || !fits_cluster(found->second, s.settings);
  });
}

void refresh_retained(RetainedSlots& retained, const Situation& s) {
  std::set<std::string> present;
  for (const auto& member : s.cluster->members)
    if (!member.tags.nostream) present.insert(pg::slot_name(member.name));
  if (!s.cluster->member(s.local.name)) present.insert(pg::slot_name(s.local.name));
  for (const auto& [name, position] : cluster_status(s).slots) {
    const auto permanent = s.settings.permanent_slots.find(name);
    const bool is_permanent = permanent != s.settings.permanent_slots.end() && !permanent->second.logical;
    if (present.contains(name) && !is_permanent) retained.seen[name] = s.now;
  }
  std::erase_if(retained.seen,
                [&](const auto& entry) { return s.now >= entry.second + s.settings.member_slots_ttl; });
}

}  // namespace

WantedSlots wanted_slots(const Situation& s, const ClusterView& view, bool leading) {
  return wanted_slots_of({.name = s.local.name, .tags = s.local.tags, .leading = leading}, s, view);
}

SyncSlots plan_slots(const Situation& s, const ClusterView& view) {
  SyncSlots plan;
  const auto& status = *s.local.instance.status;
  const auto wanted = wanted_slots(s, view, leads(s));
  for (const auto& slot : status.slots) {
    const auto found = wanted.find(slot.name);
    plan_present(plan, slot, found == wanted.end() ? nullptr : &found->second, s, view);
  }
  for (const auto& [name, slot] : wanted) {
    if (left_alone(s, name) || (find_slot(s, name) && !plan.drop.contains(name))) continue;
    if (slot.logical && (!is_primary(s) || !status.logical_decoding)) continue;
    plan.create[name] = kind_of(slot);
  }
  return plan;
}

std::map<std::string, NewSlot> slots_to_copy(const Situation& s, const ClusterView& view) {
  std::map<std::string, NewSlot> missing;
  const auto& memory = s.local.memory;
  for (const auto& [name, slot] : wanted_slots(s, view, leads(s))) {
    if (!can_be_copied(s, slot) || left_alone(s, name)) continue;
    const auto placed = memory.slots.placed.find(name);
    if (placed != memory.slots.placed.end() && s.now < placed->second + kCopyAgain) continue;
    const auto* present = find_slot(s, name);
    if (!present || (memory.slots.stuck.contains(name) && same_kind(*present, slot)))
      missing[name] = kind_of(slot);
  }
  return missing;
}

ClusterStatus cluster_status(const Situation& s) {
  const auto& status = *s.local.instance.status;
  ClusterStatus told{.optime = status.position, .slots = {}};
  const auto& view = s.cluster ? s.cluster : s.local.memory.slots.last_seen;
  if (view)
    for (const auto& [name, wanted] : wanted_slots(s, *view, leads(s))) {
      const auto* slot = find_slot(s, name);
      if (!slot || !same_kind(*slot, wanted)) continue;
      if (const auto& position = slot->logical ? slot->confirmed : slot->restart_lsn)
        told.slots[name] = *position;
    }
  told.slots[pg::slot_name(s.local.name)] = status.position;
  if (!keeps_all_member_slots(s.settings)) keep_permanent(told, s);
  if (const auto& retained = s.local.memory.slots.retained)
    for (const auto& name : retained->seen | std::views::keys) told.retain_slots.push_back(name);
  return told;
}

bool needs_hot_standby_feedback(const Situation& s, const ClusterView& view) {
  if (s.settings.standby_cluster || !s.settings.use_slots) return false;
  const auto keeps_logical = [&](const MemberName& name, const Tags& tags) {
    const auto wanted = wanted_slots_of({.name = name, .tags = tags}, s, view);
    return std::ranges::any_of(wanted, [](const auto& entry) { return entry.second.logical; });
  };
  if (keeps_logical(s.local.name, s.local.tags)) return true;
  // Feedback of those that stream through us reaches the primary only if we pass it on.
  std::set<MemberName> through_us{s.local.name};
  for (bool grew = slot_on_primary(view, s.local.name, &s.local.tags).has_value(); grew;) {
    grew = false;
    for (const auto& member : view.members) {
      if (!through_us.contains(member.tags.replicatefrom) || view.led_by(member.name)) continue;
      if (!through_us.insert(member.name).second) continue;
      if (keeps_logical(member.name, member.tags)) return true;
      grew = true;
    }
  }
  return false;
}

void observe_slots(Memory& memory, const Situation& s) {
  std::erase_if(memory.slots.trouble, [&](const auto& entry) { return s.now >= entry.second + kTryAgain; });
  if (!s.cluster) return;
  memory.slots.last_seen = s.cluster;
  const auto& fetched = memory.slots.fetched;
  const auto epoch = s.cluster->leader ? s.cluster->leader->epoch : 0;
  if (fetched && (fetched->epoch != epoch || s.now > fetched->at + kFetchedFor)) memory.slots.fetched.reset();
  if (!s.local.instance.status) return;
  if (!is_leader(s)) {
    memory.slots.retained.reset();
    return;
  }
  auto& retained = memory.slots.retained;
  if (!retained || retained->epoch != s.cluster->leader->epoch) {
    // What a predecessor kept gets its full time again: nobody knows since when its member has been away.
    retained = RetainedSlots{.epoch = s.cluster->leader->epoch, .seen = {}};
    for (const auto& name : s.cluster->status.retain_slots) retained->seen[name] = s.now;
  }
  refresh_retained(*retained, s);
}

void forget_slots(Memory& memory) {
  auto& slots = memory.slots;
  slots.stuck.clear();
  slots.fetched.reset();
  slots.placed.clear();
}

ClusterView with_positions(ClusterView view, const std::map<MemberName, pg::Lsn>& positions) {
  for (auto& member : view.members)
    if (const auto found = positions.find(member.name);
        found != positions.end() && !member.tags.replicatefrom.empty())
      member.xlog_location = found->second;
  return view;
}

ClusterView told_by_leader(ClusterView view, const MemberName& leader,
                           const std::map<std::string, pg::Lsn>& slots) {
  if (!view.leader) view.leader = LeaderKey{};
  view.leader->name = leader;
  // What etcd said is older, or, when it answers again, newer.
  for (const auto& [name, position] : slots) {
    auto& known = view.status.slots[name];
    known = std::max(known, position);
  }
  for (auto& member : view.members) {
    const auto found = slots.find(pg::slot_name(member.name));
    if (found == slots.end() || member.tags.replicatefrom.empty()) continue;
    member.xlog_location = std::max(member.xlog_location.value_or(pg::Lsn{}), found->second);
  }
  return view;
}

}  // namespace holdfast::ha
