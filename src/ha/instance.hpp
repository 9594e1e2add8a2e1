// What this node's PostgreSQL looks like, as values. Filled by ports::Postgres::observe().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "ha/cluster_view.hpp"
#include "pg/control_data.hpp"
#include "pg/lsn.hpp"
#include "pg/timeline_history.hpp"

namespace holdfast::ha {

enum class DataDirectory {
  absent,      // does not exist, or is empty: free to be bootstrapped or cloned into
  valid,       // a PostgreSQL cluster of our major version
  incomplete,  // ours, left by a bootstrap or clone that did not finish (marked as such); free to be replaced
  unconfirmed,   // bootstrapped to the end, but not yet announced in etcd (marked as such, see
                 // confirm_bootstrap)
  half_rewound,  // a rewind began and did not end (marked as such): it must not be started, only cloned anew
  foreign,       // holds files, but is no PostgreSQL cluster: never touched
  other_major,   // a cluster of another PostgreSQL major version: never touched
  unreadable,    // cannot be looked at (permissions, I/O error): never touched
};

using pg::ControlData;
using pg::ControlState;

enum class Process { stopped, starting, running, stopping };

// One row of pg_stat_replication that belongs to a member (application_name = member name).
struct StandbyConnection {
  MemberName name;
  bool streaming = false;    // state = 'streaming'
  bool synchronous = false;  // sync_state is 'sync' or 'quorum'
  pg::Lsn write, flush, replay;
  // For people:
  std::string user, client_address, state, sync_state;
  int sync_priority = 0;
};

// One row of pg_replication_slots.
struct Slot {
  std::string name;
  bool active = false;
  bool logical = false;
  std::string database, plugin;        // of a logical one
  std::optional<pg::Lsn> restart_lsn;  // absent: it keeps no WAL
  std::optional<pg::Lsn> confirmed;    // logical: up to where its consumer has confirmed
  bool has_xmin = false;               // it keeps dead rows for a standby that gives feedback
  bool lost = false;                   // WAL that it needs is gone
};

// What a new slot is to be.
struct NewSlot {
  bool logical = false;
  std::string database, plugin;  // of a logical one

  bool operator==(const NewSlot&) const = default;
};

// Up to where a slot may let go of WAL.
struct SlotMove {
  std::string database;  // of a logical one; empty: physical
  pg::Lsn to;

  bool operator==(const SlotMove&) const = default;
};

// A logical slot as it lies in the leader's pg_replslot/NAME/state.
struct SlotFile {
  std::string name;
  NewSlot kind;
  std::string state;

  bool operator==(const SlotFile&) const = default;
};

// A setting that the running server takes only when it is restarted.
struct PendingSetting {
  std::string name;
  std::string old_value, new_value;  // as SHOW prints them
};

// Answers of the running server to SQL.
struct ServerStatus {
  bool in_recovery = false;
  pg::Timeline timeline = 0;             // of the WAL being written, received or replayed
  pg::Timeline checkpoint_timeline = 0;  // of the last checkpoint: after a promotion, the old one for a while
  pg::Lsn position;  // primary: written and flushed WAL; standby: the newest of received and replayed
  pg::Lsn received;  // standby only; 0/0 when nothing was streamed yet
  pg::Lsn replayed;  // standby only
  bool receiver_streaming = false;        // standby: the WAL receiver is connected and streaming
  std::string synchronous_standby_names;  // in effect in the asking session
  std::vector<StandbyConnection> standbys;
  std::vector<Slot> slots;
  std::vector<PendingSetting> pending_restart;
  std::optional<base::WallTime> started_at;
  std::optional<base::WallTime> replayed_at;  // standby: when the last transaction replayed was committed
  bool replay_paused = false;
  bool logical_decoding = false;  // wal_level is logical
  pg::Lsn latest_end;      // standby: the newest position of the upstream that the WAL receiver has heard of
  int server_version = 0;  // 150004
};

// Where a standby streams from.
struct Upstream {
  MemberName name;
  std::string
      conn_url;  // the member's, postgres://host:port/database; credentials come from the configuration
  std::optional<std::string> slot;  // absent: the one with this node's name; empty: none

  bool operator==(const Upstream&) const = default;
};

struct Instance {
  DataDirectory data = DataDirectory::absent;
  std::string data_problem;  // for foreign, other_major, unreadable: which path and what is wrong with it
  // As of the last stop or start. While the server runs, only what never changes is current: system_id,
  // checksums.
  std::optional<ControlData> control;
  bool standby_signal = false;  // the next start is a standby's
  Process process = Process::stopped;
  // A primary that stops, and has written its last record, the shutdown checkpoint that begins here: nothing
  // is written any more, though the archiver may be at work for long.
  std::optional<pg::Lsn> wal_complete;
  std::optional<ServerStatus> status;  // absent: not running, or it did not answer in time
  std::string status_problem;        // running, but absent: why, e.g. which password was refused; for people
  std::optional<Upstream> upstream;  // what primary_conninfo is set to now, as set by follow() or start()
};

// What an upstream says about its own history, for finding out whether we diverged from it.
struct UpstreamTimeline {
  MemberName name;
  SystemId system_id;
  bool in_recovery = true;  // not (yet) a primary: its timeline may still change; SHOW in_hot_standby tells
  pg::Timeline timeline = 0;
  pg::Lsn position;
  pg::TimelineHistory history;
};

}  // namespace holdfast::ha
