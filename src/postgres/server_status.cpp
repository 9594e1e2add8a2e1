#include "postgres/server_status.hpp"

#include <algorithm>

#include "pg/setting_value.hpp"
#include "postgres/logins.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using namespace std::chrono_literals;

constexpr base::Duration kIdentifyAgain = 500ms;  // a connection of its own each time

// A primary's timeline is in the name of its WAL file: pg_control shows the new one only after the first
// checkpoint that follows a promotion. A standby's is the newest of what it receives, what it has replayed
// durably and where its last restart point was. https://www.postgresql.org/docs/15/functions-admin.html
constexpr auto kStatus = R"(
SELECT me.in_recovery,
       CASE WHEN me.in_recovery
            THEN greatest(receiver.received_tli, recovery.min_recovery_end_timeline, checkpoint.timeline_id)::bigint
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::bigint END,
       CASE WHEN NOT me.in_recovery THEN pg_current_wal_flush_lsn() END,
       pg_last_wal_receive_lsn(),
       pg_last_wal_replay_lsn(),
       receiver.status = 'streaming',
       current_setting('synchronous_standby_names'),
       (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
       current_setting('server_version_num'),
       current_setting('wal_level') = 'logical',
       checkpoint.timeline_id
  FROM (SELECT pg_is_in_recovery() AS in_recovery OFFSET 0) AS me
       CROSS JOIN pg_control_recovery() AS recovery
       CROSS JOIN pg_control_checkpoint() AS checkpoint
       LEFT JOIN pg_stat_wal_receiver AS receiver ON true;
SELECT application_name, state = 'streaming', sync_state IN ('sync', 'quorum'), write_lsn, flush_lsn, replay_lsn
  FROM pg_stat_replication ORDER BY application_name, pid;
SELECT slot_name, active, slot_type = 'logical', restart_lsn, confirmed_flush_lsn, xmin IS NOT NULL,
       coalesce(wal_status = 'lost', false), database, plugin
  FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name;
SELECT name, current_setting(name), vartype, coalesce(unit, ''),
       coalesce((SELECT file.setting FROM pg_file_settings AS file WHERE lower(file.name) = lower(s.name)
                 ORDER BY seqno DESC LIMIT 1), boot_val, '')
  FROM pg_settings AS s WHERE pending_restart AND name <> 'hot_standby' AND name NOT LIKE 'recovery\_%' ORDER BY name)";

pg::Lsn lsn(const Rows& rows, int row, int column) {
  return pg::parse_lsn(rows.text(row, column)).value_or(pg::Lsn{});
}

ha::ServerStatus read_server(const Rows& rows) {
  ha::ServerStatus status;
  status.in_recovery = rows.is_true(0, 0);
  status.timeline = static_cast<pg::Timeline>(rows.number(0, 1));
  if (status.in_recovery) {
    status.received = lsn(rows, 0, 3);
    status.replayed = lsn(rows, 0, 4);
    status.position = std::max(status.received, status.replayed);
  } else {
    status.position = lsn(rows, 0, 2);
  }
  status.receiver_streaming = rows.is_true(0, 5);
  status.synchronous_standby_names = rows.text(0, 6);
  status.started_at = base::WallTime(std::chrono::microseconds(rows.number(0, 7)));
  status.server_version = static_cast<int>(rows.number(0, 8));
  status.logical_decoding = rows.is_true(0, 9);
  status.checkpoint_timeline = static_cast<pg::Timeline>(rows.number(0, 10));
  return status;
}

std::vector<ha::StandbyConnection> read_standbys(const Rows& rows) {
  std::vector<ha::StandbyConnection> standbys;
  for (int row = 0; row < rows.count(); ++row)
    standbys.push_back({.name = std::string(rows.text(row, 0)),
                        .streaming = rows.is_true(row, 1),
                        .synchronous = rows.is_true(row, 2),
                        .write = lsn(rows, row, 3),
                        .flush = lsn(rows, row, 4),
                        .replay = lsn(rows, row, 5)});
  return standbys;
}

std::vector<ha::Slot> read_slots(const Rows& rows) {
  std::vector<ha::Slot> slots;
  for (int row = 0; row < rows.count(); ++row)
    slots.push_back({.name = std::string(rows.text(row, 0)),
                     .active = rows.is_true(row, 1),
                     .logical = rows.is_true(row, 2),
                     .database = std::string(rows.text(row, 7)),
                     .plugin = std::string(rows.text(row, 8)),
                     .restart_lsn = pg::parse_lsn(rows.text(row, 3)),
                     .confirmed = pg::parse_lsn(rows.text(row, 4)),
                     .has_xmin = rows.is_true(row, 5),
                     .lost = rows.is_true(row, 6)});
  return slots;
}

std::vector<ha::PendingSetting> read_pending_restart(const Rows& rows) {
  std::vector<ha::PendingSetting> pending;
  for (int row = 0; row < rows.count(); ++row) {
    const pg::SettingKind kind{std::string(rows.text(row, 2)), std::string(rows.text(row, 3))};
    ha::PendingSetting setting{.name = std::string(rows.text(row, 0)),
                               .old_value = pg::shown_setting(kind, rows.text(row, 1)),
                               .new_value = pg::shown_setting(kind, rows.text(row, 4))};
    // PostgreSQL's flag stays when the line that set it leaves the file again.
    if (setting.old_value != setting.new_value) pending.push_back(std::move(setting));
  }
  return pending;
}

}  // namespace

base::Task<base::Result<ha::ServerStatus>> StatusQuery::ask(Site& site, base::Instant deadline) {
  const auto results = co_await site.heartbeat.query(kStatus, deadline);
  if (!results) co_return std::unexpected(results.error());
  if (results->size() != 4 || results->front().count() != 1)
    co_return base::fail(ErrorKind::failed, "the status query returned something else than a status");
  auto status = read_server((*results)[0]);
  status.standbys = read_standbys((*results)[1]);
  status.slots = read_slots((*results)[2]);
  status.pending_restart = read_pending_restart((*results)[3]);
  status.timeline = co_await newest_timeline(site, status, deadline);
  co_return status;
}

namespace {

// What replay has reached, in PostgreSQL's memory only. Nothing: it could not be asked.
// https://www.postgresql.org/docs/15/protocol-replication.html
base::Task<std::optional<pg::Timeline>> replayed_timeline(Site& site, base::Instant deadline) {
  auto login = local_login(site.config, site.settings, site.installation.user().name);
  login.emplace_back("replication", "database");  // as any other login for pg_hba.conf
  auto connection = co_await Connection::open(site.runtime, std::move(login), deadline);
  if (!connection) co_return std::nullopt;
  const auto answer = co_await connection->query("IDENTIFY_SYSTEM", deadline);
  if (!answer || answer->empty() || answer->front().count() != 1) co_return std::nullopt;
  co_return static_cast<pg::Timeline>(answer->front().number(0, 1));
}

}  // namespace

base::Task<pg::Timeline> StatusQuery::newest_timeline(Site& site, const ha::ServerStatus& status,
                                                      base::Instant deadline) {
  if (started_at_ != status.started_at) {
    newest_ = 0;
    identified_at_.reset();
  }
  started_at_ = status.started_at;
  newest_ = std::max(newest_, status.timeline);
  const auto now = site.runtime.clock().now();
  const bool known = !status.in_recovery || status.receiver_streaming ||
                     (identified_at_ && now < *identified_at_ + kIdentifyAgain);
  if (known) co_return newest_;
  identified_at_ = now;
  if (const auto replayed = co_await replayed_timeline(site, deadline))
    newest_ = std::max(newest_, *replayed);
  co_return newest_;
}

}  // namespace holdfast::postgres
