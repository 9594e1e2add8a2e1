// One replication connection: a walsender on one host, a WAL receiver on another, and the network between
// them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/host.hpp"
#include "sim/sync_names.hpp"

namespace holdfast::sim {

class Server;

// Each end may go away first; the other learns of it from the network, or after a timeout, or never.
class WalStream : public std::enable_shared_from_this<WalStream> {
 public:
  WalStream(Site& site, Server& sender, Host& sender_host, Host& receiver_host, const WalRecord& from);

  // The walsender.
  // ------------------------------------------------------------------------------------------------ Offers
  // itself to `receiver`, which takes it by attach_receiver() if it still wants it; WAL follows.
  void start_sender(std::weak_ptr<Server> receiver);
  void send_new_wal();
  void read_configuration();  // its own reaction to a reload
  void close_sender(bool power_lost);

  const std::string& standby() const { return receiver_host_.name; }
  bool streaming() const { return streaming_; }
  bool drained() const { return acknowledged_ == sent_; }
  pg::Lsn sent() const { return sent_; }
  pg::Lsn flushed() const { return acknowledged_; }
  pg::Lsn replayed() const { return replayed_; }
  const SyncNames& names() const { return names_; }
  SyncCandidate candidate() const { return {priority_, acknowledged_, streaming_}; }
  // Both ends are there and the network brings an acknowledgement back: it could release a commit now.
  bool alive() const;

  // The WAL receiver.
  // ---------------------------------------------------------------------------------------------
  void attach_receiver(Server& receiver);
  void acknowledge(pg::Lsn flushed, pg::Lsn replayed);
  void close_receiver(bool power_lost);
  const std::string& upstream() const { return sender_host_.name; }

 private:
  struct Packet {
    WalRecord before;  // the sender's record where this begins; end 0/0: it has none there
    pg::Lsn start;
    std::vector<WalRecord> records;
  };
  void to_receiver(std::optional<Packet> packet);  // nothing: the sender closed
  void to_sender(std::optional<std::pair<pg::Lsn, pg::Lsn>> positions);
  void arrive_at_receiver(const std::optional<Packet>& packet);
  void arrive_at_sender(const std::optional<std::pair<pg::Lsn, pg::Lsn>>& positions);
  void ping();
  bool timeline_ended() const;

  Site& site_;
  Server* sender_;
  Server* receiver_ = nullptr;
  Host& sender_host_;
  Host& receiver_host_;
  std::unique_ptr<Pipe> down_, up_;

  pg::Lsn sent_;
  pg::Timeline timeline_;  // that is being sent
  pg::Lsn acknowledged_;
  pg::Lsn replayed_;
  bool streaming_ = false;
  SyncNames names_;
  int priority_ = 0;
  Moment sender_heard_{}, receiver_heard_{};
  Timer next_ping_;
};

}  // namespace holdfast::sim
