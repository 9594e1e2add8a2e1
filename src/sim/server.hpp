// A model of one running PostgreSQL 15: the postmaster and all its processes, on one host's data directory.
//
// It knows what matters to availability: what is durable when, who is told that a commit is safe, how
// standbys follow timelines, and how long things take. https://www.postgresql.org/docs/15/warm-standby.html
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/host.hpp"
#include "sim/sync_names.hpp"
#include "sim/wal_stream.hpp"

namespace holdfast::sim {

enum class CommitOutcome {
  acknowledged,
  unknown,  // the connection broke
  refused,  // it did not happen: read-only, starting up, shutting down
};
using CommitAnswer = std::move_only_function<void(CommitOutcome)>;

class Server : public std::enable_shared_from_this<Server> {
 public:
  // Starts the postmaster on host.data. It belongs to the host until it ends.
  static void start(Site& site, Host& host);
  Server(Site& site, Host& host);
  ~Server();

  // Ends at once, as by SIGQUIT or SIGKILL: what was not flushed is gone, and nobody who waits is answered.
  void crash(bool power_lost = false);
  void stop_fast();
  void promote();
  void reload();  // the configuration files have changed; every process notices in its own time

  bool ready() const { return phase_ == Phase::ready; }  // accepts connections
  bool starting() const { return phase_ == Phase::starting || phase_ == Phase::recovering; }
  bool stopping() const { return phase_ == Phase::stopping; }
  std::optional<pg::Lsn> wal_complete() const { return wal_complete_; }
  bool in_recovery() const { return in_recovery_; }
  bool promoting() const { return promoting_; }
  bool accepts_writes() const { return ready() && !in_recovery_; }
  // It could answer a commit now, with the standbys that are connected now.
  bool could_acknowledge() const;

  // Clients.
  // ------------------------------------------------------------------------------------------------------
  void commit(CommitId id, CommitAnswer answer);
  void checkpoint() { set_control_to_checkpoint(); }
  bool checkpointer_is_behind() const { return checkpointer_is_behind_; }  // has not read the files yet

  // What it answers to SQL.
  // ---------------------------------------------------------------------------------------
  const std::string& sync_names() const { return session_names_; }
  pg::Lsn replayed() const { return replayed_; }
  bool has_streamed() const { return has_streamed_; }
  bool receiver_streaming() const { return receiver_ != nullptr; }
  bool may_receive() const { return receiver_ != nullptr || following_.has_value(); }  // now or in a moment
  bool receives() const {
    return receiver_ && receiver_->alive();
  }  // what it does not know: the other end is there
  std::vector<ha::StandbyConnection> standbys() const;
  bool slot_active(const std::string& name) const;

  // Replication; called by WalStream.
  // -----------------------------------------------------------------------------
  void stream_opened(const std::shared_ptr<WalStream>& stream);
  void receive(pg::Lsn start, const WalRecord& before, const std::vector<WalRecord>& records);
  void stream_broke();
  void report_progress();
  void standby_left(const WalStream& stream);
  void standby_acknowledged(const WalStream& stream);

 private:
  enum class Phase { starting, recovering, ready, stopping, ended };
  struct Waiting {
    WalRecord record;
    CommitAnswer answer;
  };

  Duration draw(Duration shortest, Duration longest);
  Timer after(Duration delay, void (Server::*step)());
  void after_start();
  void become_ready();
  void become_primary();
  WalRecord write_own_record(pg::Timeline timeline);
  void flush_commits();
  void answer_waiting();
  void release(pg::Lsn position);
  void break_clients();
  void set_control_to_checkpoint();
  void write_shutdown_checkpoint();
  void wait_for_standbys();
  void end_cleanly() { end(true, false); }
  void finish_promotion();
  void end(bool orderly, bool power_lost);

  void connect_to_upstream();
  void upstream_asked(Host& upstream, std::weak_ptr<Server> asking);
  std::string objection_to(const Host& standby, const WalRecord& position) const;
  void close_receiver(bool power_lost);
  void flush_received();
  void replay();
  void write_restartpoint();
  const WalRecord& last_received() const {
    return receiving_.empty() ? host_.data.wal.last() : receiving_.back();
  }

  Site& site_;
  Host& host_;
  base::Random chance_;
  Phase phase_ = Phase::starting;
  bool in_recovery_ = false;
  bool promoting_ = false;
  std::optional<pg::Lsn> wal_complete_;
  std::uint64_t origin_;

  // primary
  std::vector<Waiting> unflushed_;  // in WAL buffers
  std::vector<Waiting> waiting_;    // flushed, for standbys
  pg::Lsn released_;                // WalSndCtl->lsn
  bool sync_defined_ = false;       // WalSndCtl->sync_standbys_defined
  bool checkpointer_is_behind_ = false;
  std::string session_names_;
  std::vector<std::shared_ptr<WalStream>> senders_;

  // standby
  std::shared_ptr<WalStream> receiver_;
  std::optional<ha::Upstream> following_;  // primary_conninfo as loaded
  std::vector<WalRecord> receiving_;       // not flushed yet
  pg::Lsn replayed_;
  bool has_streamed_ = false;

  Timer step_, flush_, flush_received_, replay_, reconnect_, checkpoint_, restartpoint_, follow_, load_,
      load_defined_;
  std::vector<Timer> load_senders_;
};

}  // namespace holdfast::sim
