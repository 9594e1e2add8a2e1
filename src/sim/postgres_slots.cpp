// The replication slots of sim::Postgres. The model keeps all WAL, so a slot is a name and a position.
#include "sim/postgres.hpp"

namespace holdfast::sim {

using base::ErrorKind;
using base::fail;
using base::Instant;
using base::Result;
using base::Task;

std::vector<ha::Slot> Postgres::slots_of(const Server& server) const {
  std::vector<ha::Slot> slots;
  for (const auto& [name, slot] : host_.data.slots) {
    const auto position = slot.position;
    slots.push_back({.name = name,
                     .active = server.slot_active(name),
                     .logical = slot.kind.logical,
                     .database = slot.kind.database,
                     .plugin = slot.kind.plugin,
                     .restart_lsn = position,
                     .confirmed = slot.kind.logical ? std::optional(position) : std::nullopt});
  }
  return slots;
}

Task<Result<void>> Postgres::create_slot(std::string name, ha::NewSlot slot, Instant deadline) {
  auto asked = co_await sql("creating slot " + name, deadline);
  if (!asked) co_return asked;
  if (slot.logical && host_.server->in_recovery())
    co_return fail(ErrorKind::refused, "logical decoding cannot be used while in recovery");
  host_.data.slots.try_emplace(name, std::move(slot), host_.data.wal.end());
  co_return Result<void>{};
}

Task<Result<void>> Postgres::drop_slot(std::string name, Instant deadline) {
  auto asked = co_await sql("dropping slot " + name, deadline);
  if (!asked) co_return asked;
  if (host_.server->slot_active(name)) co_return fail(ErrorKind::refused, "slot {} is active", name);
  host_.data.slots.erase(name);
  co_return Result<void>{};
}

Task<Result<void>> Postgres::move_slot(std::string name, ha::SlotMove move, Instant deadline) {
  auto asked = co_await sql("moving slot " + name, deadline);
  if (!asked) co_return asked;
  const auto found = host_.data.slots.find(name);
  if (found == host_.data.slots.end()) co_return fail(ErrorKind::refused, "there is no slot {}", name);
  const auto limit = host_.server->in_recovery() ? host_.server->replayed() : host_.data.wal.end();
  found->second.position = std::max(found->second.position, std::min(move.to, limit));
  co_return Result<void>{};
}

// A file is the slot's position as text.
Task<Result<std::vector<ha::SlotFile>>> Postgres::fetch_slots(ha::Upstream leader,
                                                              std::set<std::string> names, Instant) {
  co_await work(5ms, 50ms);
  const auto there = find_source(leader);
  if (!there) co_return std::unexpected(there.error());
  std::vector<ha::SlotFile> files;
  for (const auto& [name, slot] : (*there)->data.slots)
    if (names.contains(name) && slot.kind.logical)
      files.push_back({name, slot.kind, std::to_string(slot.position.value)});
  co_return files;
}

Task<Result<void>> Postgres::place_slots(std::vector<ha::SlotFile> files) {
  co_await work(1ms, 10ms);
  if (host_.server) co_return fail(ErrorKind::conflict, "the server runs");
  for (const auto& file : files)
    host_.data.slots[file.name] = {.kind = file.kind, .position = {std::stoull(file.state)}};
  co_return Result<void>{};
}

}  // namespace holdfast::sim
