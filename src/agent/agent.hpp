// The agent of one node: observe, decide, act, again.
//
// It owns no policy: ha::decide() says what to do, act.cpp does it. It owns no time and no I/O: World does,
// so the same code runs on a real node and in the simulator. Destroying an Agent at any await is what a kill
// -9 does to it: PostgreSQL goes on, the lease runs out.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/commands.hpp"
#include "base/event.hpp"
#include "base/task.hpp"
#include "base/task_group.hpp"
#include "ha/policy.hpp"
#include "ha/situation.hpp"
#include "patroni/dcs_values.hpp"
#include "patroni/dynamic_config.hpp"
#include "patroni/node_config.hpp"
#include "ports/clock.hpp"
#include "ports/dcs.hpp"
#include "ports/peers.hpp"
#include "ports/postgres.hpp"
#include "ports/watchdog.hpp"

namespace holdfast::agent {

struct World {
  ports::Clock& clock;
  ports::Dcs& dcs;
  ports::Postgres& postgres;
  ports::Peers& peers;
  ports::Watchdog& watchdog;
};

// Sees every decision: the journal, metrics, the simulator's story.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void decided(const ha::Situation& situation, const ha::Decision& decision) = 0;
};

enum class ExitReason {
  stopped,  // as asked
  refused,  // this node must not take part; the log says why
};

class Agent {
 public:
  // `observer` may be null. `rules` is the policy's table; tests pass one with a rule taken out.
  Agent(World world, patroni::NodeConfig config, Observer* observer = nullptr,
        std::span<const ha::Rule> rules = ha::rules());
  ~Agent();

  base::Task<ExitReason> run();

  // SIGTERM: stop PostgreSQL cleanly, hand over, and let run() return.
  void request_stop();
  // Somebody asked GET /liveness; perhaps this agent itself, looking for a node of its own name.
  void note_liveness_asked() { ++liveness_asked_; }
  // Where request_reload() gets the node's configuration from; an error says what is wrong with it.
  using ReadConfig = std::function<base::Result<patroni::NodeConfig>()>;
  void read_config_with(ReadConfig read) { read_config_ = std::move(read); }
  // SIGHUP, POST /reload: the node's file is read anew before the next look, which comes at once.
  void request_reload();
  // The REST API has moved there.
  void move_api(std::vector<patroni::HostPort> listen, std::string connect_address);
  // Look again now: something has changed that no watch tells.
  void wake() { wake_.set(); }

  // What the agent knew at its last look; for REST.
  const ha::Situation& situation() const { return situation_; }
  const patroni::DcsContents& contents() const { return contents_; }
  const patroni::NodeConfig& config() const { return config_; }
  const patroni::Keys& keys() const { return keys_; }
  World& world() { return world_; }
  Commands& commands() { return commands_; }
  const Commands& commands() const { return commands_; }
  const World& world() const { return world_; }
  std::optional<base::WallTime> etcd_last_seen() const { return etcd_last_seen_; }
  ha::PeerStatus peer_status() const;
  patroni::MemberValue member_value() const;  // as published in etcd
  // PostgreSQL as it is now: of the last look if that was a moment ago, otherwise looked at anew.
  base::Task<ha::Instance> look_at_postgres();
  // A leader without etcd asks for confirmation. Absent: failsafe mode is off here.
  base::Task<std::optional<ports::FailsafeReply>> answer_failsafe(ha::FailsafeRequest request);
  bool failsafe_active() const;
  // Of the job that runs, if it says how far it is.
  const std::optional<ports::Progress>& progress() const { return progress_; }

 private:
  // agent.cpp: the loop
  base::Task<std::optional<ExitReason>> tick();
  base::Task<void> wait_for_news();
  base::Task<void> wake_when_postgres_ends();
  base::Task<void> watch_cluster();
  bool worth_waking(const ports::WatchEvent& event) const;
  void note(const ha::Decision& decision);

  // observe.cpp
  base::Task<void> observe();
  void fold_snapshot(const base::Result<ports::DcsSnapshot>& snapshot);
  base::Task<void> apply_config();
  base::Task<void> configure_postgres(patroni::EffectiveConfig effective);
  base::Task<void> remember_dynamic_config();
  void fold_finished_job();

  // reload.cpp
  void fold_reload();
  void adopt_config(patroni::NodeConfig config);
  void adopt_watchdog(patroni::WatchdogConfig& read);

  // act.cpp: one overload for each action
  base::Task<void> act(ha::Decision decision);
  base::Task<void> carry_out(ha::ObtainLease action);
  base::Task<void> carry_out(ha::RenewLease action);
  base::Task<void> carry_out(ha::ReclaimLeaderKey action);
  base::Task<void> carry_out(ha::AcquireLeaderKey action);
  base::Task<void> carry_out(ha::ReleaseLeaderKey action);
  base::Task<void> carry_out(ha::PollPeers action);
  base::Task<void> carry_out(ha::AskFailsafeMembers action);
  base::Task<void> carry_out(ha::WriteSyncState action);
  base::Task<void> carry_out(ha::DeleteSyncState action);
  base::Task<void> carry_out(ha::ClearFailoverRequest action);
  base::Task<void> carry_out(ha::WriteHistory action);
  base::Task<void> carry_out(ha::WriteFailsafe action);
  base::Task<void> carry_out(ha::SetSyncNames action);
  base::Task<void> carry_out(ha::MakeCheckpoint action);
  base::Task<void> carry_out(ha::SyncSlots action);
  base::Task<void> carry_out(ha::FetchSlots action);
  base::Task<void> carry_out(ha::PlaceSlots action);
  base::Task<void> carry_out(ha::Follow action);
  base::Task<void> carry_out(ha::CompareTimelines action);
  base::Task<void> carry_out(ha::Bootstrap action);
  base::Task<void> carry_out(ha::Clone action);
  base::Task<void> carry_out(ha::StartPostgres action);
  base::Task<void> carry_out(ha::StopPostgres action);
  base::Task<void> carry_out(ha::RestartPostgres action);
  base::Task<void> carry_out(ha::Promote action);
  base::Task<void> carry_out(ha::Rewind action);
  base::Task<void> carry_out(ha::CancelJob action);
  base::Task<void> carry_out(ha::DropRequest action);
  base::Task<void> carry_out(ha::ArmWatchdog action);
  base::Task<void> carry_out(ha::DisarmWatchdog action);
  base::Task<void> carry_out(ha::TakeInitializeKey action);
  base::Task<void> carry_out(ha::AnnounceBootstrap action);
  base::Task<void> carry_out(ha::ConfirmBootstrap action);
  base::Task<void> carry_out(ha::AdoptCluster action);
  base::Task<void> carry_out(ha::Wait action);
  base::Task<void> carry_out(ha::CheckName action);
  base::Task<void> carry_out(ha::Refuse action);
  base::Task<void> carry_out(ha::Exit action);
  // Whether it was committed; logs what went wrong.
  base::Task<bool> commit(std::string doing, ports::Transaction transaction);
  // The same, provided that the leader key is still the one we saw.
  base::Task<bool> commit_as_leader(std::string doing, std::vector<ports::Compare> conditions,
                                    std::vector<ports::Write> writes);
  base::Task<std::optional<ha::LocalWal>> local_wal();
  static std::string conn_url_of(const patroni::NodeConfig& config);
  base::Instant deadline_within(base::Duration most) const;
  base::Instant etcd_deadline() const;
  base::Instant look_deadline() const;  // for reading etcd, observe.cpp
  base::Instant quick_deadline() const;
  static ha::Watchdog::Mode watchdog_mode(patroni::WatchdogConfig::Mode configured);
  void feed_watchdog(base::Instant proven_at);  // watchdog.cpp, with the two actions above
  ha::Epoch leader_epoch() const;
  ha::FailsafeRequest failsafe_request() const;  // failsafe.cpp, with the two actions above

  // sync_names.cpp, with the action above
  void prove_sync_names();  // beside the loop, where it is to be done
  base::Task<void> prove(bool commits_waited);
  base::Task<base::Result<pg::Lsn>> position_obeying_names(bool commits_waited);

  // checkpoint.cpp, with the action above
  base::Task<void> make_checkpoint();
  base::Task<base::Result<void>> checkpoint();

  // slots.cpp
  void note_slot(std::string_view doing, const std::string& name, const base::Result<void>& outcome);
  base::Task<void> sync_logical_slots(ha::SyncSlots action);

  ports::ReportProgress reporter(ha::JobKind kind);  // act.cpp

  // jobs.cpp
  void start_job(ha::RunningJob job, base::Task<base::Result<void>> work);
  void cancel_job();
  base::Task<void> run_job(base::Task<base::Result<void>> work);
  base::Task<base::Result<void>> stop_job(ha::StopPostgres action);
  base::Task<base::Result<void>> stop_to_restart();
  base::Task<base::Result<void>> restart_job();
  base::Task<void> shorten_stop();

  // publish.cpp: what others read of us in etcd; written beside the loop, so that it never delays a decision
  void publish();
  base::Task<void> publisher();
  base::Task<void> write_published();
  std::string status_value() const;
  static std::string api_url_of(const patroni::NodeConfig& config);

  World world_;
  patroni::NodeConfig config_;
  patroni::Keys keys_;
  Observer* observer_;
  std::span<const ha::Rule> rules_;

  ha::Situation situation_;
  Commands commands_{situation_};
  patroni::DcsContents contents_;
  ReadConfig read_config_;
  bool reload_wanted_ = false;
  boost::json::object dynamic_;                       // the dynamic configuration as last known
  std::optional<boost::json::object> remembered_;     // what of it is in the data directory
  std::optional<patroni::PostgresSettings> applied_;  // what PostgreSQL was last configured with
  std::optional<base::WallTime> etcd_last_seen_;
  std::string etcd_problem_;
  std::uint64_t liveness_asked_ = 0;
  std::vector<std::string> config_problems_;

  base::Event wake_;
  base::Instant look_at_;
  std::string last_noted_;

  struct Publication {
    std::string member;        // the member entry
    std::string member_state;  // the part of it that others wait for: all but WAL positions
    std::string status;        // /status; empty when we do not lead
    ha::LeaseId lease = 0;
    ha::Epoch epoch = 0;
    base::Instant at;
  };
  base::Event publish_wanted_;
  std::optional<Publication> wanted_, published_;

  std::optional<base::Result<void>> finished_job_;
  std::optional<ports::Progress> progress_;
  base::TaskGroup tasks_;
  base::TaskGroup::Token job_;
  std::optional<std::string> proving_;  // the names
  base::TaskGroup::Token proof_;
};

}  // namespace holdfast::agent
