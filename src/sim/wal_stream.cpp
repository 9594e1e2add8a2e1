#include "sim/wal_stream.hpp"

#include <algorithm>
#include <utility>

#include "sim/server.hpp"

namespace holdfast::sim {
namespace {

constexpr Duration kPing = 10s;     // wal_receiver_status_interval
constexpr Duration kTimeout = 60s;  // wal_sender_timeout, wal_receiver_timeout

}  // namespace

WalStream::WalStream(Site& site, Server& sender, Host& sender_host, Host& receiver_host,
                     const WalRecord& from)
    : site_(site),
      sender_(&sender),
      sender_host_(sender_host),
      receiver_host_(receiver_host),
      down_(std::make_unique<Pipe>(site.physics.network, sender_host.place, receiver_host.place)),
      up_(std::make_unique<Pipe>(site.physics.network, receiver_host.place, sender_host.place)),
      sent_(from.end),
      timeline_(from.timeline) {}

void WalStream::start_sender(std::weak_ptr<Server> receiver) {
  down_->send([weak = weak_from_this(), receiver] {
    const auto stream = weak.lock();
    if (!stream || !stream->receiver_host_.powered) return;
    stream->receiver_host_.postgres_gate.run([weak, receiver] {
      const auto self = weak.lock();
      if (!self) return;
      if (const auto server = receiver.lock()) server->stream_opened(self);
      if (self->receiver_ == nullptr) self->to_sender(std::nullopt);
    });
  });
  sender_heard_ = receiver_heard_ = site_.physics.time.now();
  read_configuration();
  send_new_wal();
  ping();
}

void WalStream::read_configuration() {
  names_ = parse_sync_names(sender_host_.data.sync_names).value_or(SyncNames{});
  priority_ = names_.priority(standby());
}

// The sender has gone to another timeline from a point before what was sent: it ends the stream, and a new
// one will be refused.
bool WalStream::timeline_ended() const {
  const auto& data = sender_host_.data;
  if (data.wal.last().timeline == timeline_) return false;
  const auto left = std::ranges::find(data.history, timeline_, &pg::TimelineSwitch::timeline);
  return left == data.history.end() || sent_ > left->at;
}

void WalStream::send_new_wal() {
  if (sender_ == nullptr) return;
  if (timeline_ended()) {
    const auto self = shared_from_this();
    auto* sender = sender_;
    close_sender(false);
    sender->standby_left(*this);
    return;
  }
  const auto& wal = sender_host_.data.wal;
  timeline_ = wal.last().timeline;
  const auto records = wal.after(sent_);
  if (!records.empty()) {
    const auto* before = wal.find(sent_);
    to_receiver(Packet{before == nullptr ? WalRecord{} : *before, sent_, {records.begin(), records.end()}});
    sent_ = wal.end();
  }
  streaming_ = true;  // has caught up, as far as it has sent
}

void WalStream::to_receiver(std::optional<Packet> packet) {
  down_->send([weak = weak_from_this(), packet = std::move(packet)]() mutable {
    const auto stream = weak.lock();
    if (!stream || !stream->receiver_host_.powered) return;
    stream->receiver_host_.postgres_gate.run([weak, packet = std::move(packet)] {
      if (const auto self = weak.lock()) self->arrive_at_receiver(packet);
    });
  });
}

void WalStream::arrive_at_receiver(const std::optional<Packet>& packet) {
  if (receiver_ == nullptr) {
    if (packet) to_sender(std::nullopt);  // a connection reset
    return;
  }
  receiver_heard_ = site_.physics.time.now();
  if (!packet) {
    auto* receiver = std::exchange(receiver_, nullptr);
    receiver->stream_broke();
  } else if (!packet->records.empty()) {
    receiver_->receive(packet->start, packet->before, packet->records);
  }
}

void WalStream::to_sender(std::optional<std::pair<pg::Lsn, pg::Lsn>> positions) {
  up_->send([weak = weak_from_this(), positions] {
    const auto stream = weak.lock();
    if (!stream || !stream->sender_host_.powered) return;
    stream->sender_host_.postgres_gate.run([weak, positions] {
      if (const auto self = weak.lock()) self->arrive_at_sender(positions);
    });
  });
}

void WalStream::arrive_at_sender(const std::optional<std::pair<pg::Lsn, pg::Lsn>>& positions) {
  if (sender_ == nullptr) {
    if (positions) to_receiver(std::nullopt);  // a connection reset
    return;
  }
  sender_heard_ = site_.physics.time.now();
  if (!positions) {
    auto* sender = std::exchange(sender_, nullptr);
    sender->standby_left(*this);
    return;
  }
  acknowledged_ = positions->first;
  replayed_ = positions->second;
  sender_->standby_acknowledged(*this);
}

void WalStream::attach_receiver(Server& receiver) {
  receiver_ = &receiver;
  receiver_heard_ = site_.physics.time.now();
}

void WalStream::acknowledge(pg::Lsn flushed, pg::Lsn replayed) { to_sender(std::pair(flushed, replayed)); }

void WalStream::close_sender(bool power_lost) {
  sender_ = nullptr;
  if (power_lost) {
    down_ = std::make_unique<Pipe>(site_.physics.network, sender_host_.place, receiver_host_.place);
  } else {
    to_receiver(std::nullopt);
  }
}

void WalStream::close_receiver(bool power_lost) {
  receiver_ = nullptr;
  if (power_lost) {
    up_ = std::make_unique<Pipe>(site_.physics.network, receiver_host_.place, sender_host_.place);
  } else {
    to_sender(std::nullopt);
  }
}

void WalStream::ping() {
  const auto self = shared_from_this();  // an end may let go of it
  const auto now = site_.physics.time.now();
  if (sender_ != nullptr && !sender_host_.postgres_gate.frozen()) {
    if (now - sender_heard_ > kTimeout) {
      auto* sender = std::exchange(sender_, nullptr);
      to_receiver(std::nullopt);
      sender->standby_left(*this);
      return;
    }
    to_receiver(Packet{});
  }
  if (receiver_ != nullptr && !receiver_host_.postgres_gate.frozen()) {
    if (now - receiver_heard_ > kTimeout) {
      auto* receiver = std::exchange(receiver_, nullptr);
      to_sender(std::nullopt);
      receiver->stream_broke();
      return;
    }
    receiver_->report_progress();
  }
  next_ping_ = site_.physics.time.after(kPing, [this] { ping(); });
}

bool WalStream::alive() const {
  const auto& network = site_.physics.network;
  return sender_ != nullptr && receiver_ != nullptr &&
         network.reaches(sender_host_.place, receiver_host_.place) &&
         network.reaches(receiver_host_.place, sender_host_.place) && !receiver_host_.postgres_gate.frozen();
}

}  // namespace holdfast::sim
