// The standby's side of Server: finding an upstream, receiving, replaying.
#include <algorithm>
#include <utility>

#include "pg/names.hpp"
#include "sim/server.hpp"

namespace holdfast::sim {
namespace {

constexpr Duration kRetry = 5s;  // wal_retrieve_retry_interval

}  // namespace

void Server::connect_to_upstream() {
  reconnect_.cancel();
  if (!in_recovery_ || promoting_ || receiver_ || !following_ || phase_ == Phase::stopping) return;
  reconnect_ = after(chance_.between(kRetry, kRetry + 500ms), &Server::connect_to_upstream);
  auto* upstream = site_.find(following_->conn_url);
  if (upstream == nullptr || !upstream->powered) return;
  site_.physics.network.send(host_.place, upstream->place, [upstream, asking = weak_from_this()] {
    if (!upstream->powered) return;
    upstream->postgres_gate.run([upstream, asking] {
      if (upstream->server) upstream->server->upstream_asked(*upstream, asking);
    });
  });
}

// START_REPLICATION, on the upstream.
void Server::upstream_asked(Host& upstream, std::weak_ptr<Server> asking) {
  const auto server = asking.lock();
  if (!server || !ready()) return;
  auto& standby = server->host_;
  if (const auto objection = objection_to(standby, server->last_received()); !objection.empty()) {
    site_.physics.story.tell(standby.name, "PostgreSQL cannot stream from {}: {}", upstream.name, objection);
    return;
  }
  // A walsender of the same standby that has not noticed yet that it is dead holds the slot; it ends it.
  std::erase_if(senders_, [&](const auto& old) {
    if (old->standby() == standby.name) old->close_sender(false);
    return old->standby() == standby.name;
  });
  standby.data.newest_timeline = std::max(standby.data.newest_timeline, upstream.data.wal.last().timeline);
  const auto stream = std::make_shared<WalStream>(site_, *this, upstream, standby, server->last_received());
  senders_.push_back(stream);
  stream->start_sender(asking);
}

// https://www.postgresql.org/docs/15/protocol-replication.html; WalReceiverMain and StartReplication.
std::string Server::objection_to(const Host& standby, const WalRecord& position) const {
  const auto& here = host_.data;
  const auto& there = standby.data;
  const auto timeline = position.timeline;
  if (here.system_id != there.system_id) return "the database system identifier differs";
  if (here.wal.last().timeline < timeline) return "the timeline of the upstream is behind";
  if (there.use_slots && !here.slots.contains(pg::slot_name(standby.name)))
    return "the replication slot does not exist";
  if (here.wal.last().timeline == timeline) return "";  // nothing more is compared
  const auto left = std::ranges::find(here.history, timeline, &pg::TimelineSwitch::timeline);
  if (left == here.history.end()) return "its timeline is not in the history of the upstream";
  if (position.end > left->at) return "its position is past the point where the upstream left its timeline";
  return "";
}

void Server::stream_opened(const std::shared_ptr<WalStream>& stream) {
  const bool wanted = in_recovery_ && !promoting_ && !receiver_ && following_ && phase_ != Phase::stopping &&
                      site_.find(following_->conn_url) == site_.find(stream->upstream());
  if (!wanted) return;
  reconnect_.cancel();
  receiver_ = stream;
  has_streamed_ = true;
  stream->attach_receiver(*this);
  report_progress();
}

void Server::stream_broke() {
  receiver_.reset();
  reconnect_ = after(draw(50ms, 500ms), &Server::connect_to_upstream);
}

// The WAL receiver flushes what it has before it ends, but does not report it any more.
void Server::close_receiver(bool power_lost) {
  if (!receiver_) return;
  std::exchange(receiver_, nullptr)->close_receiver(power_lost);
}

void Server::receive(pg::Lsn start, const WalRecord& before, const std::vector<WalRecord>& records) {
  if (start != last_received().end) {  // cannot be within one connection
    close_receiver(false);
    connect_to_upstream();
    return;
  }
  const auto& last = last_received();
  if (before.lineage != last.lineage) site_.witness.streamed_other_history(host_.name, receiver_->upstream());
  receiving_.insert(receiving_.end(), records.begin(), records.end());
  if (!flush_received_.pending()) flush_received_ = after(draw(200us, 3ms), &Server::flush_received);
}

void Server::flush_received() {
  if (receiving_.empty()) return;
  if (host_.trouble.disk_full) {
    flush_received_ = after(500ms, &Server::flush_received);
    return;
  }
  auto& data = host_.data;
  for (const auto& record : std::exchange(receiving_, {})) {
    if (record.timeline != data.wal.last().timeline) {
      data.history.push_back({data.wal.last().timeline, data.wal.end(), "no recovery target specified"});
      data.newest_timeline = std::max(data.newest_timeline, record.timeline);
    }
    data.wal.append(record);
  }
  report_progress();
  for (const auto& sender : std::vector(senders_)) sender->send_new_wal();  // to those that cascade from here
  if (!replay_.pending()) replay_ = after(draw(100us, 20ms), &Server::replay);
  if (phase_ == Phase::recovering && data.wal.end() >= data.min_recovery_end) phase_ = Phase::ready;
}

void Server::replay() {
  if (host_.trouble.replay_paused) {
    replay_ = after(200ms, &Server::replay);
    return;
  }
  if (replayed_ == host_.data.wal.end()) return;
  replayed_ = host_.data.wal.end();
  if (!restartpoint_.pending()) restartpoint_ = after(draw(100ms, 15s), &Server::write_restartpoint);
  report_progress();
}

// pg_control learns late how far a standby has come.
void Server::write_restartpoint() {
  if (!in_recovery_) return;
  host_.data.min_recovery_end = std::max(host_.data.min_recovery_end, replayed_);
  host_.data.min_recovery_timeline = host_.data.wal.find(replayed_)->timeline;
}

void Server::report_progress() {
  if (receiver_) receiver_->acknowledge(host_.data.wal.end(), replayed_);
}

}  // namespace holdfast::sim
