#include "postgres/replication_slots.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/ranges.h>

#include "pg/names.hpp"
#include "pg/slot_file.hpp"
#include "postgres/connection.hpp"
#include "postgres/logins.hpp"
#include "system/files.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using namespace std::chrono_literals;

// A logical slot is moved in steps of so much WAL: each is durable, so a move that is cut short is not in
// vain.
constexpr std::uint64_t kMoveStep = 128ULL << 20;

bool is_running(Site& site) { return site.postmaster.look() == ha::Process::running; }

std::unexpected<base::Error> not_running() {
  return base::fail(ErrorKind::unreachable, "PostgreSQL does not accept connections");
}

// Logical slots belong to a database, and are made and moved from a session in it; which may take longer than
// the agent's own sessions may be kept waiting. The server gives up with us.
Task<Result<Connection>> connect_to(Site& site, std::string database, base::Instant deadline) {
  auto login = local_login(site.config, site.settings, site.installation.user().name);
  for (auto& [keyword, value] : login) {
    if (keyword == "dbname") value = database;
    if (keyword == "options")
      value +=
          fmt::format(" -c statement_timeout={}", std::max<std::int64_t>((deadline - site.now()) / 1ms, 1));
  }
  return Connection::open(site.runtime, std::move(login), deadline);
}

// https://www.postgresql.org/docs/15/functions-admin.html#FUNCTIONS-REPLICATION
Task<Result<void>> create_logical(Site& site, std::string name, ha::NewSlot slot, base::Instant deadline) {
  auto connection = co_await connect_to(site, slot.database, deadline);
  if (!connection) co_return std::unexpected(connection.error());
  const auto made = co_await connection->query(
      "SELECT pg_create_logical_replication_slot($1, $2)"
      " WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)",
      {name, slot.plugin}, deadline);
  if (!made) co_return std::unexpected(made.error());
  co_return Result<void>();
}

Task<Result<void>> create_physical(Site& site, std::string name, base::Instant deadline) {
  const auto made = co_await site.commands.query(
      "SELECT pg_create_physical_replication_slot($1, true)"
      " WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)",
      {name}, deadline);
  if (!made) co_return std::unexpected(made.error());
  co_return Result<void>();
}

// undefined_file: a WAL file that the slot needs is gone; object_not_in_prerequisite_state: it was
// invalidated.
base::Error judge_move(base::Error error, std::string_view sqlstate) {
  if (error.kind == ErrorKind::refused && (sqlstate == "58P01" || sqlstate == "55000"))
    error.kind = ErrorKind::invalid;
  return error;
}

Task<Result<void>> move_logical(Site& site, std::string name, ha::SlotMove move, base::Instant deadline) {
  auto connection = co_await connect_to(site, move.database, deadline);
  if (!connection) co_return std::unexpected(connection.error());
  auto at = move.to;
  do {
    const auto from = co_await connection->query(
        "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1", {name}, deadline);
    if (!from) co_return std::unexpected(from.error());
    const auto confirmed = from->count() == 1 ? pg::parse_lsn(from->text(0, 0)) : std::nullopt;
    if (!confirmed) co_return base::fail(ErrorKind::refused, "there is no such logical slot");
    if (*confirmed >= move.to) co_return Result<void>();
    at = std::min(move.to, pg::Lsn{confirmed->value + kMoveStep});
    const auto moved = co_await connection->query("SELECT pg_replication_slot_advance($1, $2)",
                                                  {name, to_string(at)}, deadline);
    if (!moved) co_return std::unexpected(judge_move(moved.error(), connection->sqlstate()));
  } while (at < move.to);
  co_return Result<void>();
}

int setting(const Site& site, const char* name, int otherwise) {
  const auto found = site.settings.parameters.find(name);
  int value = otherwise;
  if (found != site.settings.parameters.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return value;
}

// Any of these would keep the server from starting at all, and so cost the standby and not only its slots.
// https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/replication/slot.c RestoreSlotFromDisk
Result<void> check_room(const Site& site, const std::set<std::string>& names) {
  const auto wal_level = site.settings.parameters.find("wal_level");
  if (wal_level == site.settings.parameters.end() || wal_level->second != "logical")
    return base::fail(
        ErrorKind::refused,
        "with logical slots this server would not start: wal_level in the dynamic configuration is "
        "not logical");
  const auto present = system::names_in(site.directory.file("pg_replslot"));
  if (!present) return std::unexpected(present.error());
  auto all = names;
  all.insert(present->begin(), present->end());
  const auto room = setting(site, "max_replication_slots", 10);
  if (all.size() > static_cast<std::size_t>(room))
    return base::fail(ErrorKind::refused,
                      "with {} slots this server would not start: max_replication_slots in the dynamic "
                      "configuration is {}",
                      all.size(), room);
  return {};
}

std::set<std::string> names_of(const std::vector<ha::SlotFile>& files) {
  std::set<std::string> names;
  for (const auto& file : files) names.insert(file.name);
  return names;
}

// As PostgreSQL itself saves a slot: the directory under another name first, then renamed; what a crash
// leaves under the other name it removes when it starts.
Result<void> write_slot(const std::string& slots, const ha::SlotFile& file, system::Owner owner) {
  const auto final_name = slots + "/" + file.name;
  if (system::exists(final_name))  // one that can no longer be moved
    return system::write_file(final_name + "/state", file.state, owner);
  const auto temporary = final_name + ".tmp";
  if (auto made = system::make_directory(temporary, owner); !made) return made;
  if (auto written = system::write_file(temporary + "/state", file.state, owner); !written) return written;
  if (auto renamed = system::rename_path(temporary, final_name); !renamed) return renamed;
  return system::sync_directory(slots);
}

}  // namespace

Task<Result<void>> create_replication_slot(Site& site, std::string name, ha::NewSlot slot,
                                           base::Instant deadline) {
  if (!is_running(site)) co_return not_running();
  if (slot.logical) co_return co_await create_logical(site, std::move(name), std::move(slot), deadline);
  co_return co_await create_physical(site, std::move(name), deadline);
}

Task<Result<void>> drop_replication_slot(Site& site, std::string name, base::Instant deadline) {
  if (!is_running(site)) co_return not_running();
  const auto dropped = co_await site.commands.query(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", {name},
      deadline);
  if (!dropped) co_return std::unexpected(dropped.error());
  co_return Result<void>();
}

Task<Result<void>> move_replication_slot(Site& site, std::string name, ha::SlotMove move,
                                         base::Instant deadline) {
  if (!is_running(site)) co_return not_running();
  if (!move.database.empty())
    co_return co_await move_logical(site, std::move(name), std::move(move), deadline);
  const auto moved = co_await site.commands.query("SELECT pg_replication_slot_advance($1, $2)",
                                                  {name, to_string(move.to)}, deadline);
  if (!moved) co_return std::unexpected(moved.error());
  co_return Result<void>();
}

// Over an ordinary connection, as Patroni does: the rewind user may read files of the data directory.
// https://www.postgresql.org/docs/15/functions-admin.html#FUNCTIONS-ADMIN-GENFILE
Task<Result<std::vector<ha::SlotFile>>> fetch_slot_files(Site& site, ha::Upstream leader,
                                                         std::set<std::string> names,
                                                         base::Instant deadline) {
  if (auto room = check_room(site, names); !room) co_return std::unexpected(room.error());
  const auto& user = rewind_user(site.config.postgresql);
  auto login = member_login(leader, user);
  if (!login) co_return std::unexpected(login.error());
  login->emplace_back("dbname", site.config.postgresql.database);
  login->emplace_back("application_name", site.config.name + " copying slots");
  login->emplace_back("options", "-c search_path=pg_catalog");
  auto connection = co_await Connection::open(site.runtime, with_password(std::move(*login), user), deadline);
  if (!connection)
    co_return base::in(fmt::format("asking {} for its slots", leader.name),
                       explain(connection.error(), rewind_user_key(site.config.postgresql), user.username));
  const auto rows = co_await connection->query(
      "SELECT slot_name, encode(pg_read_binary_file('pg_replslot/' || slot_name || '/state'), 'hex'), "
      "datname, plugin"
      " FROM pg_get_replication_slots() JOIN pg_database ON datoid = oid"
      " WHERE wal_status <> 'lost' AND NOT pg_is_in_recovery() AND slot_name = ANY($1::name[])",
      {fmt::format("{{{}}}", fmt::join(names, ","))}, deadline);
  if (!rows)
    co_return base::in(fmt::format("reading slot files of {} as {}", leader.name, user.username),
                       rows.error());
  std::vector<ha::SlotFile> files;
  for (int row = 0; row < rows->count(); ++row) {
    ha::SlotFile file{std::string(rows->text(row, 0)),
                      {.logical = true,
                       .database = std::string(rows->text(row, 2)),
                       .plugin = std::string(rows->text(row, 3))},
                      pg::from_hex(rows->text(row, 1))};
    if (auto sound = pg::check_slot_file(file.name, file.state); !sound)
      co_return base::in(fmt::format("slot {} of {}", file.name, leader.name), sound.error());
    if (names.contains(file.name)) files.push_back(std::move(file));
  }
  co_return files;
}

Task<Result<void>> place_slot_files(Site& site, std::vector<ha::SlotFile> files) {
  if (site.postmaster.look() != ha::Process::stopped)
    co_return base::fail(ErrorKind::conflict, "slot files can be placed only while PostgreSQL is stopped");
  if (auto room = check_room(site, names_of(files)); !room) co_return room;
  co_return co_await site.worker.run(
      [slots = site.directory.file("pg_replslot"), files = std::move(files), owner = site.directory.owner()] {
        for (const auto& file : files)
          if (auto written = write_slot(slots, file, owner); !written) return written;
        return Result<void>();
      });
}

}  // namespace holdfast::postgres
