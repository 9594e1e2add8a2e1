#include "sim/server.hpp"

#include <algorithm>
#include <utility>

#include "pg/names.hpp"

namespace holdfast::sim {
namespace {

constexpr std::uint64_t kCheckpointRecord = 120;  // bytes
constexpr std::uint64_t kEndOfRecoveryRecord = 50;

// How long a process may take to notice a reload. PostgreSQL gives no bound (a starved walsender, a
// checkpointer that is busy with fsync): this is what the policy reckons with.
constexpr Duration kLongestReload = 90ms;

// But this one is asked: a checkpointer reads nothing before the end of the checkpoint that it is at.
constexpr Duration kLongestCheckpoint = 4s;

}  // namespace

void Server::start(Site& site, Host& host) {
  host.server = std::make_shared<Server>(site, host);
  host.server->after_start();
}

Server::Server(Site& site, Host& host)
    : site_(site), host_(host), chance_(site.physics.chance.fork()), origin_(chance_.next()) {}

Server::~Server() = default;

Duration Server::draw(Duration shortest, Duration longest) {
  const auto time = chance_.between(shortest, longest);
  return host_.trouble.slowness == 1 ? time
                                     : Duration(static_cast<Duration::rep>(static_cast<double>(time.count()) *
                                                                           host_.trouble.slowness));
}

Timer Server::after(Duration delay, void (Server::*step)()) {
  return site_.physics.time.after(
      delay,
      [this, step] {
        const auto self = shared_from_this();  // a step may end the server
        (this->*step)();
      },
      &host_.postgres_gate);
}

void Server::after_start() {
  auto& data = host_.data;
  const bool crashed =
      data.state == ha::ControlState::in_production || data.state == ha::ControlState::in_recovery;
  in_recovery_ = data.standby_signal;
  following_ = data.upstream;
  session_names_ = data.sync_names;
  sync_defined_ = parse_sync_names(data.sync_names).value_or(SyncNames{}).defined();
  step_ = after(draw(50ms, crashed ? 1500ms : 300ms), &Server::become_ready);
}

void Server::become_ready() {
  if (!in_recovery_) return become_primary();
  auto& data = host_.data;
  replayed_ = data.wal.end();
  data.state = ha::ControlState::in_recovery;
  const bool consistent = data.wal.end() >= data.min_recovery_end;
  phase_ = consistent ? Phase::ready : Phase::recovering;
  connect_to_upstream();
}

void Server::become_primary() {
  phase_ = Phase::ready;
  host_.data.state = ha::ControlState::in_production;
  write_own_record(host_.data.wal.last().timeline);
  set_control_to_checkpoint();
  site_.witness.accepts_writes(host_.name);
}

// A record of the server's own, durable at once.
WalRecord Server::write_own_record(pg::Timeline timeline) {
  auto& wal = host_.data.wal;
  const auto size = timeline == wal.last().timeline ? kCheckpointRecord : kEndOfRecoveryRecord;
  const auto record = next_record(wal.last(), timeline, size, 0, origin_);
  wal.append(record);
  site_.witness.wrote(host_.name, record);
  for (const auto& sender : std::vector(senders_)) sender->send_new_wal();
  return record;
}

void Server::set_control_to_checkpoint() {
  auto& data = host_.data;
  if (in_recovery_ || !accepts_writes()) return;
  data.checkpoint = data.wal.end();
  data.checkpoint_timeline = data.wal.last().timeline;
}

// Ending
// ----------------------------------------------------------------------------------------------------------

void Server::crash(bool power_lost) {
  const auto self = shared_from_this();
  break_clients();
  end(false, power_lost);
}

void Server::stop_fast() {
  if (stopping()) return;
  const auto self = shared_from_this();
  const bool was_up = ready();
  phase_ = Phase::stopping;
  promoting_ = false;
  break_clients();
  step_ = after(draw(5ms, was_up ? 150ms : 50ms), &Server::write_shutdown_checkpoint);
}

// A backend that is told to end while it waits for a standby warns that the commit may not be replicated and
// closes the connection without the answer, so its client does not know (SyncRepWaitForLSN, ProcDiePending).
void Server::break_clients() {
  auto broken = std::exchange(unflushed_, {});
  std::ranges::move(std::exchange(waiting_, {}), std::back_inserter(broken));
  for (auto& client : broken) client.answer(CommitOutcome::unknown);
}

void Server::write_shutdown_checkpoint() {
  auto& data = host_.data;
  if (in_recovery_) {
    close_receiver(false);
    flush_received();
    data.min_recovery_end = std::max(data.min_recovery_end, data.wal.end());
    data.min_recovery_timeline = data.wal.last().timeline;
    return end(true, false);
  }
  const auto start = data.wal.end();
  const auto record = write_own_record(data.wal.last().timeline);
  data.checkpoint = start;
  data.checkpoint_timeline = record.timeline;
  data.state = ha::ControlState::shut_down;
  wal_complete_ = start;
  wait_for_standbys();
}

void Server::wait_for_standbys() {
  const auto& drained = &WalStream::drained;
  if (!std::ranges::all_of(senders_, [&](const auto& sender) { return ((*sender).*drained)(); })) {
    step_ = after(10ms, &Server::wait_for_standbys);
    return;
  }
  if (host_.longest_archiving == Duration::zero()) return end(true, false);
  for (const auto& sender : std::exchange(senders_, {})) sender->close_sender(false);
  step_ = after(chance_.between(Duration::zero(), host_.longest_archiving), &Server::end_cleanly);
}

void Server::end(bool orderly, bool power_lost) {
  if (phase_ == Phase::ended) return;
  auto& data = host_.data;
  if (orderly)
    data.state = in_recovery_ ? ha::ControlState::shut_down_in_recovery : ha::ControlState::shut_down;
  phase_ = Phase::ended;
  for (const auto& sender : std::exchange(senders_, {})) sender->close_sender(power_lost);
  close_receiver(power_lost);
  for (auto* timer : {&step_, &flush_, &flush_received_, &replay_, &reconnect_, &checkpoint_, &restartpoint_,
                      &follow_, &load_, &load_defined_})
    timer->cancel();
  load_senders_.clear();
  host_.server.reset();
  site_.physics.story.tell(host_.name, "PostgreSQL has ended, {}", orderly ? "cleanly" : "not cleanly");
  if (host_.on_server_ended) host_.on_server_ended();
}

// Commits
// ---------------------------------------------------------------------------------------------------------

void Server::commit(CommitId id, CommitAnswer answer) {
  // A cluster that is not announced yet has no users but our own.
  if (!accepts_writes() || host_.data.kind != ha::DataDirectory::valid) return answer(CommitOutcome::refused);
  const auto& last = unflushed_.empty() ? host_.data.wal.last() : unflushed_.back().record;
  const auto size = static_cast<std::uint64_t>(chance_.between(80, 400));
  unflushed_.push_back({next_record(last, last.timeline, size, id, origin_), std::move(answer)});
  if (!flush_.pending()) flush_ = after(draw(200us, 2ms), &Server::flush_commits);
}

void Server::flush_commits() {
  if (host_.trouble.disk_full) {
    flush_ = after(500ms, &Server::flush_commits);
    return;
  }
  for (auto& commit : std::exchange(unflushed_, {})) {
    host_.data.wal.append(commit.record);
    site_.witness.wrote(host_.name, commit.record);
    waiting_.push_back(std::move(commit));
  }
  for (const auto& sender : std::vector(senders_)) sender->send_new_wal();
  if (!sync_defined_) released_ = std::max(released_, host_.data.wal.end());
  answer_waiting();
}

void Server::release(pg::Lsn position) {
  released_ = std::max(released_, position);
  answer_waiting();
}

void Server::answer_waiting() {
  while (!waiting_.empty() && waiting_.front().record.end <= released_) {
    auto commit = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    site_.witness.acknowledged(host_.name, commit.record);
    commit.answer(CommitOutcome::acknowledged);
  }
}

// Every process reads the files in its own time: sessions, the checkpointer (which decides whether anybody
// waits at all), and each walsender (which decides whom it releases).
void Server::reload() {
  load_ = site_.physics.time.after(
      chance_.between(Duration(500us), Duration(3ms)), [this] { session_names_ = host_.data.sync_names; },
      &host_.postgres_gate);
  checkpointer_is_behind_ = true;
  load_defined_ = site_.physics.time.after(
      chance_.between(Duration(500us), chance_.chance(0.25) ? kLongestCheckpoint : kLongestReload),
      [this] {
        const auto self = shared_from_this();
        checkpointer_is_behind_ = false;
        sync_defined_ = parse_sync_names(host_.data.sync_names).value_or(SyncNames{}).defined();
        if (!sync_defined_ && ready()) release(host_.data.wal.end());
      },
      &host_.postgres_gate);
  load_senders_.clear();
  for (const auto& sender : senders_) {
    load_senders_.push_back(site_.physics.time.after(
        chance_.between(Duration(500us), kLongestReload),
        [weak = std::weak_ptr(sender)] {
          if (const auto stream = weak.lock()) stream->read_configuration();
        },
        &host_.postgres_gate));
  }
  if (in_recovery_ && following_ != host_.data.upstream) {
    follow_ = site_.physics.time.after(
        draw(5ms, 200ms),
        [this] {
          following_ = host_.data.upstream;
          close_receiver(false);
          connect_to_upstream();
        },
        &host_.postgres_gate);
  }
}

void Server::standby_left(const WalStream& stream) {
  std::erase_if(senders_, [&](const auto& sender) { return sender.get() == &stream; });
}

void Server::standby_acknowledged(const WalStream& stream) {
  if (const auto slot = host_.data.slots.find(pg::slot_name(stream.standby()));
      slot != host_.data.slots.end())
    slot->second.position = std::max(slot->second.position, stream.flushed());
  // SyncRepReleaseWaiters: a walsender releases by what it has read of the configuration itself, and only if
  // it is itself one of those that count.
  if (in_recovery_ || stream.candidate().priority == 0) return;
  std::vector<SyncCandidate> candidates;
  std::size_t own = 0;
  for (const auto& sender : senders_) {
    if (sender.get() == &stream) own = candidates.size();
    candidates.push_back(sender->candidate());
  }
  const auto chosen = synchronous_candidates(stream.names(), candidates);
  if (std::ranges::find(chosen, own) == chosen.end()) return;
  const auto self = shared_from_this();
  if (const auto position = synchronous_position(stream.names(), candidates)) release(*position);
}

bool Server::could_acknowledge() const {
  if (!accepts_writes() || host_.data.kind != ha::DataDirectory::valid) return false;
  if (!sync_defined_) return true;
  std::vector<SyncCandidate> candidates;
  for (const auto& sender : senders_) {
    if (sender->alive()) candidates.push_back(sender->candidate());
  }
  return std::ranges::any_of(senders_, [&](const auto& sender) {
    return sender->alive() && sender->candidate().priority > 0 &&
           synchronous_position(sender->names(), candidates);
  });
}

std::vector<ha::StandbyConnection> Server::standbys() const {
  std::vector<SyncCandidate> candidates;
  for (const auto& sender : senders_) candidates.push_back(sender->candidate());
  const auto names = parse_sync_names(session_names_).value_or(SyncNames{});
  const auto chosen =
      names.defined() ? synchronous_candidates(names, candidates) : std::vector<std::size_t>{};
  std::vector<ha::StandbyConnection> rows;
  for (std::size_t i = 0; i < senders_.size(); ++i) {
    const auto& sender = *senders_[i];
    rows.push_back({.name = sender.standby(),
                    .streaming = sender.streaming(),
                    .synchronous = std::ranges::find(chosen, i) != chosen.end(),
                    .write = sender.flushed(),
                    .flush = sender.flushed(),
                    .replay = sender.replayed()});
  }
  return rows;
}

bool Server::slot_active(const std::string& name) const {
  return std::ranges::any_of(senders_,
                             [&](const auto& sender) { return pg::slot_name(sender->standby()) == name; });
}

// Promotion
// -------------------------------------------------------------------------------------------------------

void Server::promote() {
  if (!in_recovery_ || promoting_ || !ready()) return;
  promoting_ = true;
  close_receiver(false);
  reconnect_.cancel();
  step_ = after(draw(10ms, 300ms), &Server::finish_promotion);
}

void Server::finish_promotion() {
  auto& data = host_.data;
  flush_received();  // all that was received is replayed first
  if (host_.trouble.promote_stuck || !receiving_.empty() || replayed_ < data.wal.end()) {
    replay();
    step_ = after(50ms, &Server::finish_promotion);
    return;
  }
  const auto left = data.wal.last().timeline;
  data.newest_timeline = std::max(data.newest_timeline, left) + 1;
  data.history.push_back({left, data.wal.end(), "no recovery target specified"});
  data.standby_signal = false;
  data.state = ha::ControlState::in_production;
  in_recovery_ = promoting_ = false;
  data.min_recovery_end = write_own_record(data.newest_timeline).end;
  data.min_recovery_timeline = data.newest_timeline;
  site_.physics.story.tell(host_.name, "PostgreSQL is promoted to timeline {}", data.newest_timeline);
  site_.witness.accepts_writes(host_.name);
  // The checkpoint after a promotion is spread over checkpoint_completion_target.
  checkpoint_ = after(draw(1s, 90s), &Server::set_control_to_checkpoint);
}

}  // namespace holdfast::sim
