// Replication slots: carrying out what the policy has planned.
#include "agent/agent.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;

// Reading some files of some 200 bytes, over a connection of its own.
constexpr base::Duration kFetchTime = 5s;
constexpr base::Duration kSlowTime = 60s;

}  // namespace

void Agent::note_slot(std::string_view doing, const std::string& name, const base::Result<void>& outcome) {
  if (outcome) return;
  telemetry::warning("{} slot {}: {}", doing, name, outcome.error().message);
  situation_.local.memory.slots.trouble[name] = world_.clock.now();
}

base::Task<void> Agent::carry_out(ha::SyncSlots action) {
  auto& postgres = world_.postgres;
  for (const auto& name : action.drop)
    note_slot("dropping", name, co_await postgres.drop_slot(name, quick_deadline()));
  ha::SyncSlots slow;
  for (const auto& [name, slot] : action.create) {
    if (slot.logical)
      slow.create.emplace(name, slot);
    else
      note_slot("creating", name, co_await postgres.create_slot(name, slot, quick_deadline()));
  }
  for (const auto& [name, move] : action.advance) {
    if (!move.database.empty())
      slow.advance.emplace(name, move);
    else
      note_slot("moving", name, co_await postgres.move_slot(name, move, quick_deadline()));
  }
  if (slow.empty()) co_return;
  auto& busy = situation_.local.memory.slots.busy;
  for (const auto& [name, slot] : slow.create) busy.insert(name);
  for (const auto& [name, move] : slow.advance) busy.insert(name);
  tasks_.spawn(sync_logical_slots(std::move(slow)));
}

// A new one waits for the end of all transactions that run, and moving one decodes all WAL in between.
base::Task<void> Agent::sync_logical_slots(ha::SyncSlots action) {
  auto& memory = situation_.local.memory.slots;
  for (const auto& [name, slot] : action.create) {
    note_slot("creating", name,
              co_await world_.postgres.create_slot(name, slot, world_.clock.now() + kSlowTime));
    memory.busy.erase(name);
  }
  for (const auto& [name, move] : action.advance) {
    const auto moved = co_await world_.postgres.move_slot(name, move, world_.clock.now() + kSlowTime);
    note_slot("moving", name, moved);
    if (!moved && moved.error().kind == base::ErrorKind::invalid) memory.stuck.insert(name);
    memory.busy.erase(name);
  }
}

base::Task<void> Agent::carry_out(ha::FetchSlots action) {
  auto& memory = situation_.local.memory.slots;
  const auto deadline = world_.clock.now() + kFetchTime;
  std::set<std::string> names;
  for (const auto& [name, slot] : action.slots) names.insert(name);
  auto files = co_await world_.postgres.fetch_slots(action.leader, names, deadline);
  if (!files) {
    const base::Result<void> failed = std::unexpected(files.error());
    for (const auto& name : names) note_slot("copying", name, failed);
    co_return;
  }
  // Until the leader has it as it is configured; placing another would only have it dropped here.
  std::erase_if(*files, [&](const auto& file) { return file.kind != action.slots.at(file.name); });
  for (const auto& file : *files) names.erase(file.name);
  for (const auto& name : names)
    note_slot("copying", name,
              base::fail(base::ErrorKind::refused, "{} has no such logical slot", action.leader.name));
  if (files->empty()) co_return;
  memory.fetched = ha::FetchedSlots{leader_epoch(), world_.clock.now(), std::move(*files)};
}

base::Task<void> Agent::carry_out(ha::PlaceSlots) {
  auto& memory = situation_.local.memory.slots;
  auto fetched = *std::exchange(memory.fetched, std::nullopt);
  // Whatever comes of it: the next attempt costs another restart, and must wait.
  for (const auto& file : fetched.files) {
    memory.placed[file.name] = world_.clock.now();
    memory.stuck.erase(file.name);
  }
  const auto placed = co_await world_.postgres.place_slots(std::move(fetched.files));
  if (!placed) telemetry::error("placing logical slots: {}", placed.error().message);
}

}  // namespace holdfast::agent
