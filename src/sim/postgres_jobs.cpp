// The jobs of sim::Postgres: what takes long, fails, and is cancelled in the middle.
#include <utility>

#include "sim/postgres.hpp"

namespace holdfast::sim {

using base::ErrorKind;
using base::fail;
using base::Instant;
using base::Result;
using base::Task;

namespace {

constexpr Duration kPoll = 20ms;
constexpr Duration kSlice = 200ms;  // how often a copy notices that its source is gone
constexpr Duration kSourceTimeout = 30s;

// Ends what a cancelled bootstrap has started.
struct EndUnlessDone {
  Host& host;
  bool done = false;
  explicit EndUnlessDone(Host& its_host) : host(its_host) {}
  EndUnlessDone(const EndUnlessDone&) = delete;
  EndUnlessDone& operator=(const EndUnlessDone&) = delete;
  ~EndUnlessDone() {
    if (!done && host.server) host.server->crash();
  }
};

}  // namespace

bool Postgres::job_fails() { return chance_.chance(host_.trouble.job_fails); }

Task<Result<ha::SystemId>> Postgres::bootstrap(ports::ReportProgress report) {
  auto& data = host_.data;
  const bool free = data.kind == ha::DataDirectory::absent || data.kind == ha::DataDirectory::incomplete ||
                    data.kind == ha::DataDirectory::unconfirmed;
  HOLDFAST_ASSERT(free && !host_.server, "bootstrap would destroy data");
  data = DataDirectory{.kind = ha::DataDirectory::incomplete};
  report({.doing = "initdb"});
  EndUnlessDone guard(host_);
  co_await work(500ms, 2s);
  if (job_fails() || host_.trouble.disk_full) co_return fail(ErrorKind::failed, "initdb: it failed");
  data.system_id = fmt::format("{}", 7'000'000'000'000'000'000 + chance_.below(999'999'999'999));
  data.wal = Wal(WalRecord{.end = {0x1000000}, .timeline = 1, .lineage = chance_.next()});
  data.newest_timeline = data.checkpoint_timeline = 1;
  data.checkpoint = data.wal.end();
  data.state = ha::ControlState::shut_down;
  Server::start(site_, host_);
  auto up = co_await started();
  if (!up) co_return std::unexpected(up.error());
  co_await work(50ms, 300ms);  // users
  if (!answers()) co_return fail(ErrorKind::failed, "creating users: the connection broke");
  data.kind = ha::DataDirectory::unconfirmed;
  guard.done = true;
  co_return data.system_id;
}

Task<Result<void>> Postgres::started() {
  for (;;) {
    if (!host_.server) co_return fail(ErrorKind::failed, "PostgreSQL ended while it was starting");
    const bool up = host_.server->ready() || (host_.server->in_recovery() && !host_.postgres_gate.frozen());
    if (up && !host_.server->stopping()) co_return Result<void>{};
    co_await loop_.sleep(kPoll);
  }
}

Task<Result<void>> Postgres::start(StartOptions options) {
  auto& data = host_.data;
  if (host_.server) co_return fail(ErrorKind::failed, "PostgreSQL runs already");
  HOLDFAST_ASSERT(data.kind == ha::DataDirectory::valid || data.kind == ha::DataDirectory::unconfirmed,
                  "only a complete data directory may be started");
  co_await work(5ms, 50ms);
  if (job_fails()) co_return fail(ErrorKind::failed, "pg_ctl start: it failed");
  if (options.standby || options.upstream) {
    data.standby_signal = true;
    data.upstream = std::move(options.upstream);
  }
  Server::start(site_, host_);
  co_return co_await started();
}

Task<Result<void>> Postgres::stop(ports::StopMode mode, Instant deadline) {
  co_await work(1ms, 5ms);
  if (mode == ports::StopMode::immediate) {
    // SIGQUIT, then SIGKILL for what does not react.
    if (host_.postgres_gate.frozen()) co_await loop_.sleep(200ms);
    co_await work(1ms, 30ms);
    if (host_.server) host_.server->crash();
    co_return Result<void>{};
  }
  told_to_stop_ = host_.server;
  host_.postgres_gate.run([&host = host_] {
    if (host.server) host.server->stop_fast();
  });
  while (host_.server) {
    if (loop_.now() >= deadline) co_return fail(ErrorKind::timed_out, "PostgreSQL is still stopping");
    co_await loop_.sleep_until(std::min(deadline, loop_.now() + kPoll));
  }
  co_return Result<void>{};
}

Task<Result<void>> Postgres::promote() {
  co_await work(1ms, 20ms);
  if (job_fails()) {
    if (chance_.chance(0.5) && answers()) host_.server->promote();  // and takes too long: it goes on
    co_return fail(ErrorKind::failed, "pg_promote: it failed");
  }
  while (host_.server && !host_.server->accepts_writes()) {
    if (host_.server->stopping())
      co_return fail(ErrorKind::failed, "PostgreSQL stops instead of being promoted");
    if (answers()) host_.server->promote();
    co_await loop_.sleep(kPoll);
  }
  if (!host_.server) co_return fail(ErrorKind::failed, "PostgreSQL ended during its promotion");
  co_return Result<void>{};
}

// Copying
// ---------------------------------------------------------------------------------------------------------

Result<Host*> Postgres::find_source(const ha::Upstream& source) {
  auto* there = site_.find(source.conn_url);
  if (there == nullptr || !there->powered || !site_.physics.network.reaches(host_.place, there->place) ||
      !there->server || !there->server->ready())
    return fail(ErrorKind::unreachable, "{} does not accept connections", source.name);
  return there;
}

// Takes the time of a copy; ends early when the source goes away or the disk is full.
Task<Result<void>> Postgres::copy_from(Host& source, Duration at_least) {
  const std::weak_ptr server = source.server;
  auto& network = site_.physics.network;
  auto left =
      Duration(static_cast<Duration::rep>(static_cast<double>(at_least.count()) * host_.trouble.slowness));
  auto silent = Duration{};
  while (left > Duration{}) {
    co_await loop_.sleep(kSlice);
    if (host_.trouble.disk_full) co_return fail(ErrorKind::failed, "no space left on device");
    if (server.expired() || !source.powered)
      co_return fail(ErrorKind::unreachable, "{} closed the connection", source.name);
    const bool flows = network.reaches(source.place, host_.place) &&
                       network.reaches(host_.place, source.place) && !source.postgres_gate.frozen();
    flows ? left -= kSlice : silent += kSlice;
    if (silent > kSourceTimeout) co_return fail(ErrorKind::unreachable, "{} is silent", source.name);
  }
  if (job_fails()) co_return fail(ErrorKind::failed, "the copy from {} failed", source.name);
  if (const auto up = server.lock(); !up || !up->ready())
    co_return fail(ErrorKind::unreachable, "{} closed the connection", source.name);
  co_return Result<void>{};
}

Task<Result<void>> Postgres::clone(ha::Upstream source, ports::ReportProgress report, CloneOptions options) {
  auto& data = host_.data;
  const bool replaces = options.discard || data.kind == ha::DataDirectory::absent ||
                        data.kind == ha::DataDirectory::incomplete ||
                        data.kind == ha::DataDirectory::unconfirmed;
  HOLDFAST_ASSERT(!host_.server, "a clone replaces the data of a running server");
  if (replaces) data = DataDirectory{.kind = ha::DataDirectory::incomplete, .use_slots = data.use_slots};
  co_await work(10ms, 100ms);
  auto found = find_source(source);
  if (!found) co_return std::unexpected(found.error());
  report({.doing = "copying the data of " + source.name});
  const bool from_standby = (*found)->server->in_recovery();
  (*found)->server->checkpoint();
  auto copied = co_await copy_from(**found, chance_.between(Duration(1s), Duration(8s)));
  if (!copied) co_return copied;
  if (from_standby != (*found)->server->in_recovery())
    co_return fail(ErrorKind::failed, "the standby was promoted during online backup");
  const auto& theirs = (*found)->data;
  data = DataDirectory{.kind = ha::DataDirectory::valid,
                       .system_id = theirs.system_id,
                       .wal = theirs.wal,
                       .history = theirs.history,
                       .newest_timeline = theirs.newest_timeline,
                       .state = ha::ControlState::in_production,
                       .checkpoint_timeline = theirs.checkpoint_timeline,
                       .min_recovery_timeline = theirs.wal.last().timeline,
                       .checkpoint = theirs.checkpoint,
                       .min_recovery_end = theirs.wal.end(),
                       .standby_signal = true,
                       .sync_names = theirs.sync_names,  // the configuration files are part of the copy
                       .use_slots = data.use_slots};
  co_return Result<void>{};
}

// postgres --single: crash recovery of what was a primary, which writes a checkpoint of its own.
void Postgres::single_user_recovery() {
  auto& data = host_.data;
  data.wal.append(next_record(data.wal.last(), data.wal.last().timeline, 120, 0, chance_.next()));
  data.state = ha::ControlState::shut_down;
  data.checkpoint = data.wal.end();
  data.checkpoint_timeline = data.wal.last().timeline;
}

Task<Result<void>> Postgres::rewind(ha::Upstream source, ports::ReportProgress report) {
  auto& data = host_.data;
  HOLDFAST_ASSERT(data.kind == ha::DataDirectory::valid && !host_.server,
                  "rewind needs a stopped server with data");
  co_await work(50ms, 200ms);
  const bool clean =
      data.state == ha::ControlState::shut_down || data.state == ha::ControlState::shut_down_in_recovery;
  if (!clean && data.standby_signal)
    co_return fail(ErrorKind::failed,
                   "postgres --single: standby mode is not supported by single-user servers");
  if (!clean) {
    co_await work(200ms, 1500ms);
    single_user_recovery();
  }
  auto found = find_source(source);
  if (!found) co_return std::unexpected(found.error());
  (*found)->server->checkpoint();  // pg_control of a new primary tells its timeline only after a checkpoint
  co_await work(50ms, 500ms);
  const auto& theirs = (*found)->data;
  if (theirs.system_id != data.system_id) co_return fail(ErrorKind::refused, "the clusters are not the same");
  // pg_rewind believes that the same timeline means the same history: "no rewind required".
  const bool same =
      theirs.checkpoint_timeline == std::max(data.checkpoint_timeline, data.min_recovery_timeline);
  if (same) co_return Result<void>{};
  if (chance_.chance(host_.trouble.job_fails))
    co_return fail(ErrorKind::refused, "WAL back to the common point is missing");
  report({.doing = "rewinding to " + source.name});
  data.kind = ha::DataDirectory::half_rewound;
  auto copied = co_await copy_from(**found, chance_.between(Duration(300ms), Duration(3s)));
  if (!copied) co_return copied;
  data.wal = theirs.wal;
  data.history = theirs.history;
  data.newest_timeline = theirs.newest_timeline;
  data.checkpoint_timeline = theirs.checkpoint_timeline;
  data.min_recovery_timeline = theirs.wal.last().timeline;
  data.min_recovery_end = theirs.wal.end();
  data.state = ha::ControlState::in_recovery;
  data.standby_signal =
      true;  // written before the data becomes valid, so that it can only start as a standby
  data.sync_names = theirs.sync_names;
  data.slots.clear();
  data.kind = ha::DataDirectory::valid;
  co_return Result<void>{};
}

}  // namespace holdfast::sim
