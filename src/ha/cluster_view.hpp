// What etcd says of the cluster, as values. Made by patroni/dcs_values from one consistent read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "pg/lsn.hpp"

namespace holdfast::ha {

using MemberName = std::string;
using SystemId = std::string;   // PostgreSQL's database system identifier, decimal digits
using LeaseId = std::int64_t;   // 0: none
using Revision = std::int64_t;  // an etcd revision; 0: the key does not exist
using Epoch = Revision;         // the leader key's create revision: grows with every new leadership

// Patroni's states of a member's PostgreSQL, as written to etcd.
enum class MemberState {
  unknown,
  initdb,
  initdb_failed,
  custom_bootstrap,
  custom_bootstrap_failed,
  creating_replica,
  running,
  starting,
  bootstrap_starting,
  start_failed,
  restarting,
  restart_failed,
  stopping,
  stopped,
  stop_failed,
  crashed,
};

enum class MemberRole { uninitialized, replica, primary, standby_leader, promoted, demoted };

struct Tags {
  bool nofailover = false;
  bool noloadbalance = false;
  bool nosync = false;
  bool clonefrom = false;
  bool nostream = false;
  int failover_priority = 1;  // 0 or less: nofailover
  int sync_priority = 1;      // 0 or less: nosync
  MemberName replicatefrom;   // empty: from the leader
};

struct Member {
  MemberName name;
  std::string conn_url;  // postgres://host:port/database
  std::string api_url;   // http://host:port/patroni
  MemberState state = MemberState::unknown;
  MemberRole role = MemberRole::uninitialized;
  pg::Timeline timeline = 0;
  std::optional<pg::Lsn> xlog_location;  // the member's newest WAL, received or replayed, as Patroni has it
  std::optional<pg::Lsn> receive_lsn;
  std::optional<pg::Lsn> replay_lsn;
  std::string replication_state;  // "streaming", "in archive recovery", or empty
  std::string version;            // the level of compatibility with Patroni
  std::string holdfast;           // our own version; empty: the member is a Patroni
  std::optional<bool>
      checkpoint_after_promote;  // false: a new primary has not yet written its first checkpoint
  bool pending_restart = false;
  bool pause = false;  // the member has seen that the cluster is paused
  Tags tags;
  LeaseId lease = 0;
};

// What a member answers when asked directly, GET /patroni.
// https://patroni.readthedocs.io/en/latest/rest_api.html#monitoring-endpoint
struct PeerStatus {
  bool running = false;
  bool in_recovery = true;
  pg::Timeline timeline = 0;
  pg::Lsn position;  // newest WAL, received or replayed; of a primary, written
  bool dcs_reachable = true;
  // A promise: the member saw no leader while /sync had this revision, has ended its WAL receiver, and will
  // confirm no commit to anybody until it sees one. Absent from a Patroni.
  std::optional<Revision> confirms_nothing_since;
  bool watchdog_failed = false;  // it may lead only with a watchdog, and has none
};

struct LeaderKey {
  MemberName name;
  Epoch epoch = 0;
  Revision mod_revision = 0;
  LeaseId lease = 0;
};

// The /sync key: who may be promoted without loss besides its leader.
struct SyncState {
  MemberName leader;
  std::set<MemberName> standbys;
  int quorum = 0;
  Revision mod_revision = 0;  // 0: the key does not exist yet
  bool readable = true;       // false: the key exists and does not parse; nobody may call himself synchronous

  bool includes(std::string_view name) const { return leader == name || standbys.contains(MemberName(name)); }
};

// The /failover key: a person asked for a switchover or a failover.
struct FailoverRequest {
  std::optional<MemberName> leader;     // who was leader when it was asked; absent for a failover
  std::optional<MemberName> candidate;  // absent: any
  std::optional<base::WallTime> scheduled_at;
  Revision mod_revision = 0;
};

// The /status key, written by the leader.
struct ClusterStatus {
  pg::Lsn optime;  // the leader's WAL position when it last wrote the key
  std::map<std::string, pg::Lsn> slots;
  std::vector<std::string> retain_slots;  // members' slots that outlive their member's absence for a while
};

struct ClusterView {
  Revision revision = 0;
  std::optional<SystemId> initialize;  // absent: no cluster yet; empty: somebody is bootstrapping it
  Revision initialize_revision = 0;
  bool has_config = false;  // the key exists, readable or not
  bool config_readable = false;
  Revision config_revision = 0;
  std::optional<LeaderKey> leader;
  std::vector<Member> members;  // in order of name
  std::optional<SyncState> sync;
  std::optional<FailoverRequest> failover;  // absent: no key, or one that asks for nothing
  Revision failover_revision = 0;
  ClusterStatus status;
  std::vector<pg::Timeline> history;           // the timelines that were left, oldest first
  std::map<MemberName, std::string> failsafe;  // who must agree in failsafe mode, and their api_url
  Revision failsafe_revision = 0;              // 0: there is no such key

  const Member* member(std::string_view name) const {
    for (const auto& member : members)
      if (member.name == name) return &member;
    return nullptr;
  }
  bool led_by(std::string_view name) const { return leader && leader->name == name; }
};

}  // namespace holdfast::ha
