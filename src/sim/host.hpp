// The hosts: what survives a process (the disk) and what does not (power, clock, tempo).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ha/instance.hpp"
#include "ports/peers.hpp"
#include "sim/loop.hpp"
#include "sim/physics.hpp"
#include "sim/wal.hpp"
#include "sim/witness.hpp"

namespace holdfast::sim {

class Server;

struct Slot {
  ha::NewSlot kind;
  pg::Lsn position;  // up to where it has let go of WAL
};

// PostgreSQL's data directory, as far as anybody can tell from outside. WAL is what has been flushed.
struct DataDirectory {
  ha::DataDirectory kind = ha::DataDirectory::absent;
  ha::SystemId system_id;
  Wal wal;
  pg::TimelineHistory history;  // of the timeline of the last record
  pg::Timeline newest_timeline =
      0;  // the largest of which there is a history file: a promotion goes beyond it

  ha::ControlState state = ha::ControlState::unknown;
  pg::Timeline checkpoint_timeline = 0;    // of the latest checkpoint: all that pg_rewind looks at
  pg::Timeline min_recovery_timeline = 0;  // a standby writes it only now and then
  pg::Lsn checkpoint;
  pg::Lsn min_recovery_end;

  bool standby_signal = false;
  std::optional<ha::Upstream> upstream;  // primary_conninfo
  std::string sync_names;                // synchronous_standby_names in the configuration files
  bool use_slots = true;
  std::map<std::string, Slot> slots;
};

// What goes wrong with a host while a fault lasts.
struct HostTrouble {
  double slowness = 1;  // of all that PostgreSQL does
  bool disk_full = false;
  bool promote_stuck = false;  // until it ends
  bool replay_paused = false;
  double job_fails = 0;  // start, clone, rewind, promote: the chance of an error
};

// /dev/watchdog: a timer of the hardware, which goes on whatever becomes of the agent.
struct WatchdogDevice {
  bool present = false;
  Duration timeout{};
  Timer fires;
  std::function<void()> reset;  // what happens then
};

struct Host {
  Host(Physics& physics, std::string its_name)
      : name(std::move(its_name)),
        place(physics.network.add_place()),
        postgres_gate(physics.time),
        agent_gate(physics.time) {}

  std::string name;
  Place place;
  Gate postgres_gate;
  Gate agent_gate;
  HostClock clock;
  bool powered = true;
  Duration longest_archiving{};  // what a primary that stops still has to do, with all WAL written
  HostTrouble trouble;
  WatchdogDevice watchdog;

  DataDirectory data;
  std::shared_ptr<Server> server;            // the postmaster and all its processes; null: none
  std::function<void()> on_server_ended;     // the pidfd of the agent
  std::function<ha::PeerStatus()> rest_api;  // of the agent; null: none runs
  using FailsafeReplied = std::function<void(base::Result<ports::FailsafeReply>)>;
  std::function<void(ha::FailsafeRequest, FailsafeReplied)> failsafe_api;  // likewise

  std::string conn_url() const { return "postgres://" + name + ":5432/postgres"; }
  std::string api_url() const { return "http://" + name + ":8008/patroni"; }
};

// All hosts, and what their models need.
struct Site {
  explicit Site(Physics& its_physics, Witness& its_witness) : physics(its_physics), witness(its_witness) {}

  Host* find(std::string_view url_or_name) const;

  Physics& physics;
  Witness& witness;
  std::vector<std::unique_ptr<Host>> hosts;
};

}  // namespace holdfast::sim
