#include "sim/postgres.hpp"

#include <algorithm>
#include <utility>

#include "sim/reply.hpp"

namespace holdfast::sim {

using base::ErrorKind;
using base::fail;
using base::Instant;
using base::Result;
using base::Task;

Postgres::Postgres(Site& site, Host& host, Loop& loop)
    : site_(site), host_(host), loop_(loop), chance_(site.physics.chance.fork()), ended_(loop) {
  host_.on_server_ended = [this] { ended_.set(); };
}

Postgres::~Postgres() { host_.on_server_ended = nullptr; }

// Somebody behind the socket would execute a query.
bool Postgres::answers() const {
  return host_.server && host_.server->ready() && !host_.postgres_gate.frozen();
}

Task<void> Postgres::work(Duration shortest, Duration longest) {
  const auto time = static_cast<double>(chance_.between(shortest, longest).count()) * host_.trouble.slowness;
  co_await loop_.sleep(Duration(static_cast<Duration::rep>(time)));
}

// Observing
// -------------------------------------------------------------------------------------------------------

Task<ha::Instance> Postgres::observe(Instant deadline) {
  co_await loop_.sleep(chance_.between(Duration(500us), Duration(3ms)));
  if (host_.server && host_.postgres_gate.frozen()) co_await loop_.sleep_until(deadline);
  co_return look();
}

ha::Instance Postgres::look() const {
  const auto& data = host_.data;
  ha::Instance instance{.data = data.kind, .standby_signal = data.standby_signal};
  if (data.kind == ha::DataDirectory::valid || data.kind == ha::DataDirectory::unconfirmed ||
      data.kind == ha::DataDirectory::half_rewound) {
    instance.control =
        ha::ControlData{.system_id = data.system_id,
                        .state = data.state,
                        .timeline = std::max(data.checkpoint_timeline, data.min_recovery_timeline),
                        .checkpoint = data.checkpoint,
                        .min_recovery_end = data.min_recovery_end,
                        .checkpoint_timeline = data.checkpoint_timeline,
                        .min_recovery_timeline = data.min_recovery_timeline,
                        .checksums = true};
    instance.upstream = data.upstream;
  }
  if (!host_.server) return instance;
  const auto& server = *host_.server;
  const bool told_to_stop = told_to_stop_.lock() == host_.server;
  instance.process = server.stopping() || told_to_stop ? ha::Process::stopping
                     : server.starting()               ? ha::Process::starting
                                                       : ha::Process::running;
  instance.wal_complete = server.wal_complete();
  if (answers()) instance.status = status_of(server);
  return instance;
}

ha::ServerStatus Postgres::status_of(const Server& server) const {
  const auto& data = host_.data;
  ha::ServerStatus status{.in_recovery = server.in_recovery(),
                          .timeline = data.wal.last().timeline,
                          .checkpoint_timeline = data.checkpoint_timeline,
                          .position = data.wal.end(),
                          .synchronous_standby_names = server.sync_names(),
                          .standbys = server.standbys(),
                          .server_version = 150004};
  if (server.in_recovery()) {
    if (server.has_streamed()) status.received = data.wal.end();
    status.replayed = server.replayed();
    status.position = std::max(status.received, status.replayed);
    status.receiver_streaming = server.receiver_streaming();
  }
  status.logical_decoding = true;
  status.slots = slots_of(server);
  return status;
}

// Quick calls
// -----------------------------------------------------------------------------------------------------

// What every statement shares: it takes a moment, needs a server that answers, and has a deadline.
Task<Result<void>> Postgres::sql(std::string what, Instant deadline) {
  co_await work(300us, 3ms);
  if (!host_.server || !host_.server->ready())
    co_return fail(ErrorKind::refused, "{}: PostgreSQL does not accept connections", what);
  while (!answers()) {
    if (loop_.now() >= deadline) co_return fail(ErrorKind::timed_out, "{}: no answer", what);
    if (!host_.server) co_return fail(ErrorKind::refused, "{}: the connection broke", what);
    co_await loop_.sleep_until(std::min(deadline, loop_.now() + 50ms));
  }
  co_return Result<void>{};
}

Task<Result<void>> Postgres::confirm_bootstrap() {
  co_await work(100us, 1ms);
  if (host_.data.kind == ha::DataDirectory::unconfirmed) host_.data.kind = ha::DataDirectory::valid;
  co_return Result<void>{};
}

Task<Result<void>> Postgres::follow(std::optional<ha::Upstream> upstream, Instant deadline) {
  auto asked = co_await sql("changing primary_conninfo", deadline);
  if (!asked) co_return asked;
  host_.data.upstream = std::move(upstream);
  host_.server->reload();
  if (host_.data.upstream) co_return Result<void>{};
  while (host_.server && host_.server->may_receive()) {
    if (loop_.now() >= deadline) co_return fail(ErrorKind::timed_out, "waiting for the WAL receiver to end");
    co_await loop_.sleep_until(std::min(deadline, loop_.now() + 10ms));
  }
  co_return Result<void>{};
}

Task<Result<void>> Postgres::set_synchronous_standby_names(std::string value, Instant deadline) {
  if (!parse_sync_names(value))
    co_return fail(ErrorKind::refused, "invalid synchronous_standby_names: {}", value);
  host_.data.sync_names = value;
  if (!host_.server) co_return Result<void>{};
  auto asked = co_await sql("reloading", deadline);
  if (!asked) co_return asked;
  host_.server->reload();
  while (host_.server && host_.server->sync_names() != value) {
    if (loop_.now() >= deadline) co_return fail(ErrorKind::timed_out, "waiting for the reload");
    co_await loop_.sleep_until(std::min(deadline, loop_.now() + 2ms));
  }
  co_return Result<void>{};
}

Task<Result<void>> Postgres::configure(patroni::PostgresSettings, Instant) {
  co_await work(1ms, 5ms);  // no setting of PostgreSQL's matters to the model
  co_return Result<void>{};
}

void Postgres::reload_config(patroni::NodeConfig) {}

Task<Result<void>> Postgres::remember_dynamic_config(std::string) { co_return Result<void>{}; }

Task<Result<void>> Postgres::checkpoint(Instant deadline) {
  auto asked = co_await sql("CHECKPOINT", deadline);
  if (!asked) co_return asked;
  co_await work(20ms, 200ms);
  while (answers() && host_.server->checkpointer_is_behind()) {
    if (loop_.now() >= deadline) co_return fail(ErrorKind::timed_out, "CHECKPOINT: it takes too long");
    co_await loop_.sleep_until(std::min(deadline, loop_.now() + 10ms));
  }
  if (!answers()) co_return fail(ErrorKind::refused, "CHECKPOINT: the connection broke");
  host_.server->checkpoint();
  co_return Result<void>{};
}

Task<Result<void>> Postgres::archive_end_of_wal() { co_return Result<void>{}; }  // there is no archive

Task<Result<ha::UpstreamTimeline>> Postgres::inspect(ha::Upstream upstream, Instant deadline) {
  auto* there = site_.find(upstream.conn_url);
  if (there == nullptr) co_return fail(ErrorKind::unreachable, "no host {}", upstream.conn_url);
  using Answer = Result<ha::UpstreamTimeline>;
  auto reply = std::make_shared<Reply<Answer>>(loop_);
  auto& network = site_.physics.network;
  network.send(
      host_.place, there->place, [there, here = host_.place, &network, waiting = std::weak_ptr(reply)] {
        if (!there->powered) return;
        there->postgres_gate.run([there, here, &network, waiting] {
          Answer answer = fail(ErrorKind::unreachable, "{} does not accept connections", there->name);
          if (there->server && there->server->ready()) {
            const auto& data = there->data;
            answer = ha::UpstreamTimeline{.name = there->name,
                                          .system_id = data.system_id,
                                          .in_recovery = there->server->in_recovery(),
                                          .timeline = data.wal.last().timeline,
                                          .position = data.wal.end(),
                                          .history = data.history};
          }
          network.send(there->place, here, [waiting, answer] {
            if (const auto caller = waiting.lock()) caller->set(answer);
          });
        });
      });
  auto answer = co_await Reply<Answer>::wait(std::move(reply), deadline);
  if (!answer) co_return fail(ErrorKind::timed_out, "asking {} for its timeline: no answer", upstream.name);
  co_return std::move(*answer);
}

Task<Result<pg::Lsn>> Postgres::end_of_wal(Instant) {
  co_await work(5ms, 50ms);
  // pg_waldump reads one timeline, the one that pg_control names.
  const auto& data = host_.data;
  const auto timeline = std::max(data.checkpoint_timeline, data.min_recovery_timeline);
  const auto& records = data.wal.records();
  const auto beyond = std::ranges::upper_bound(records, timeline, {}, &WalRecord::timeline);
  if (beyond == records.begin())
    co_return fail(ErrorKind::failed, "pg_waldump: no WAL of timeline {}", timeline);
  co_return std::prev(beyond)->end;
}

Task<Result<pg::TimelineHistory>> Postgres::own_history(Instant) {
  co_await work(1ms, 5ms);
  co_return host_.data.history;
}

}  // namespace holdfast::sim
