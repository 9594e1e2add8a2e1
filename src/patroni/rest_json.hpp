// The JSON bodies of Patroni's REST API, as functions of values.
// https://patroni.readthedocs.io/en/latest/rest_api.html
//
// Keys, their order and their presence are Patroni 4.1's; what is ours alone is in one more key, "holdfast",
// at the end. All bodies are application/json.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "ha/cluster_view.hpp"
#include "patroni/dcs_values.hpp"

namespace holdfast::patroni {

// One row of pg_stat_replication.
struct ReplicationRow {
  std::string usename;
  std::string application_name;
  std::string client_addr;  // empty: a Unix socket
  std::string state;
  std::string sync_state;
  int sync_priority = 0;
};

// What the server answers to SQL.
struct ServerAnswers {
  base::WallTime started_at;
  int version = 0;  // 150004
  bool in_recovery = false;
  pg::Timeline timeline = 0;  // 0: not known
  pg::Lsn location;           // a primary's written WAL
  pg::Lsn received;           // a standby's; 0/0 when nothing was streamed yet
  pg::Lsn replayed;
  std::optional<base::WallTime> replayed_timestamp;  // of the last replayed transaction
  bool replay_paused = false;
  pg::Lsn latest_end;             // the newest position of the primary that the WAL receiver has heard of
  std::string replication_state;  // "streaming", "in archive recovery"; empty: a primary, or neither
  std::vector<ReplicationRow> replication;
};

// A node as its REST API shows it.
struct NodeStatus {
  std::string scope;
  std::string name;
  std::string version;     // the level of compatibility with Patroni
  ha::SystemId system_id;  // empty: not known yet
  ha::MemberState state = ha::MemberState::unknown;
  ha::MemberRole role = ha::MemberRole::uninitialized;  // shown while the server does not answer
  std::optional<ServerAnswers> server;                  // absent: it is not running or does not answer
  ha::Tags tags;
  boost::json::object tags_json;
  boost::json::object pending_restart_reason;  // empty: no restart is pending
  boost::json::object scheduled_restart;
  bool watchdog_failed = false;

  bool is_leader = false;         // it holds the leader key and its right to run a primary has not ended
  bool dcs_available = true;      // what is said of the cluster is current
  bool cluster_unlocked = false;  // nobody holds the leader key, or etcd cannot be asked
  bool failsafe_active = false;
  bool paused = false;
  bool standby_cluster = false;
  bool synchronous = false;  // it is one of the standbys in /sync, and synchronous_mode is on
  bool quorum_mode = false;  // that mode is "quorum"
  pg::Lsn leader_position;   // as of /status
  std::uint64_t maximum_lag_on_failover = 1 << 20;
  std::int64_t dcs_last_seen = 0;  // Unix time in seconds

  base::Duration since_last_look{};  // how long ago the agent's loop ran last
  base::Duration ttl = std::chrono::seconds(30);

  std::string holdfast;  // our own version; empty: nothing of ours is shown
  ha::Epoch epoch = 0;   // of the leader the node knows; 0: none
  // What a reinitialize does now, and how much of the copy is there; a share below 0 is unknown.
  struct Reinitialize {
    std::string doing;
    double share = -1;
  };
  std::optional<Reinitialize> reinitialize;
  std::string last_reinitialize;                       // "completed", "cancelled"; empty: there was none
  std::optional<ha::Revision> confirms_nothing_since;  // its promise to candidates, see ha::PeerStatus
};

// "primary", "replica", "standby_leader", ... as in the body.
ha::MemberRole shown_role(const NodeStatus& node);

std::string status_body(const NodeStatus& node);  // GET /patroni, and the body of every health check
boost::json::object cluster_json(const DcsContents& contents, std::string_view scope);
std::string cluster_body(const DcsContents& contents, std::string_view scope);    // GET /cluster
std::string history_body(const std::vector<HistoryEntry>& history);               // GET /history
std::string failsafe_body(const std::map<ha::MemberName, std::string>& members);  // GET /failsafe
std::string config_body(const boost::json::object& config);                       // GET /config

// How the dynamic configuration wants standbys to be called.
bool is_quorum_mode(const boost::json::object& config);
bool is_synchronous_mode(const boost::json::object& config);  // quorum included
bool is_standby_cluster(const boost::json::object& config);
bool is_paused(const boost::json::object& config);
// Names in /sync compare without case, as in synchronous_standby_names.
bool is_sync_standby(const ha::ClusterView& view, std::string_view name);

}  // namespace holdfast::patroni
