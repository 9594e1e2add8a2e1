// Carrying out decisions. No action decides anything: it does one thing, and the next look judges the result.
#include <algorithm>

#include "agent/agent.hpp"
#include "ha/candidate.hpp"
#include "ha/memory.hpp"
#include "ha/rules.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;
using ports::Compare;
using ports::Delete;
using ports::Put;

constexpr base::Duration kQuickCallTime = 2s;
// A peer that does not answer in this time takes no part in the race; it delays every failover by as much.
constexpr base::Duration kPeerAnswerTime = 1s;
// The last leader's entry went with its lease. If it lives it answers in milliseconds; if not, failover
// waits.
constexpr base::Duration kLostLeaderAnswerTime = 300ms;
constexpr base::Duration kInspectTime = 5s;  // includes reading our own WAL to its end
constexpr base::Duration kNameTime = 3s;     // as Patroni gives a namesake to answer
constexpr double kReportedShare = 0.1;       // of a job's progress, in the log

}  // namespace

ports::ReportProgress Agent::reporter(ha::JobKind kind) {
  return [this, kind, reported = -1.0](const ports::Progress& progress) mutable {
    progress_ = progress;
    if (progress.share >= 0 && progress.share < reported + kReportedShare && progress.share < 1) return;
    reported = progress.share;
    if (progress.share < 0)
      telemetry::info("{}: {}", to_string(kind), progress.doing);
    else
      telemetry::info("{}: {} {:.0f} %", to_string(kind), progress.doing, progress.share * 100);
  };
}

base::Task<void> Agent::act(ha::Decision decision) {
  co_await std::visit([this](auto action) { return carry_out(std::move(action)); },
                      std::move(decision.action));
}

ha::Epoch Agent::leader_epoch() const {
  return situation_.cluster && situation_.cluster->leader ? situation_.cluster->leader->epoch : 0;
}

base::Instant Agent::quick_deadline() const { return deadline_within(kQuickCallTime); }

base::Task<bool> Agent::commit(std::string doing, ports::Transaction transaction) {
  const auto done = co_await world_.dcs.commit(std::move(transaction), etcd_deadline());
  if (!done) {
    telemetry::warning("{}: {}", doing, done.error().message);
    if (done.error().kind == base::ErrorKind::lease_lost) situation_.local.lease.reset();
  }
  co_return done.has_value();
}

base::Task<bool> Agent::commit_as_leader(std::string doing, std::vector<Compare> conditions,
                                         std::vector<ports::Write> writes) {
  conditions.push_back(Compare::created_at(keys_.leader(), situation_.cluster->leader->epoch));
  ports::Transaction transaction{std::move(conditions), std::move(writes)};
  const bool done = co_await commit(std::move(doing), std::move(transaction));
  co_return done;
}

// The lease
// --------------------------------------------------------------------------------------------------

base::Task<void> Agent::carry_out(ha::ObtainLease) {
  const auto sent = world_.clock.now();
  const auto ttl = situation_.settings.ttl;
  const auto lease = co_await world_.dcs.grant(ttl, etcd_deadline());
  if (lease) {
    situation_.local.lease =
        ha::Lease{.id = lease->id, .renewed_at = sent, .ttl = lease->ttl, .asked_ttl = ttl};
    situation_.local.memory.lease_failed_at.reset();
  } else {
    situation_.local.memory.lease_failed_at = world_.clock.now();
    telemetry::warning("getting a lease: {}", lease.error().message);
  }
}

base::Task<void> Agent::carry_out(ha::RenewLease) {
  auto& local = situation_.local;
  const auto sent = world_.clock.now();
  const auto renewed = co_await world_.dcs.keep_alive(local.lease->id, etcd_deadline());
  if (renewed) {
    local.memory.lease_failed_at.reset();
    local.lease->renewed_at = sent;
    // A lease proves something only as long as the leader key hangs on it.
    if (ha::leads_by_own_lease(situation_)) {
      feed_watchdog(sent);
      local.right_until = ha::renewed_right(local);
    }
    co_return;
  }
  local.memory.lease_failed_at = world_.clock.now();
  telemetry::warning("renewing the lease: {}", renewed.error().message);
  if (renewed.error().kind == base::ErrorKind::lease_lost) local.lease.reset();
}

// The leader key
// ---------------------------------------------------------------------------------------------

base::Task<void> Agent::carry_out(ha::ReclaimLeaderKey action) {
  const auto lease = *situation_.local.lease;
  ports::Transaction move{{Compare::created_at(keys_.leader(), action.epoch)},
                          {Put{keys_.leader(), config_.name, lease.id}}};
  const bool done = co_await commit("reclaiming the leader key", std::move(move));
  if (done) situation_.local.right_until = ha::renewed_right(situation_.local);
}

base::Task<void> Agent::carry_out(ha::AcquireLeaderKey action) {
  const auto lease = situation_.local.lease->id;
  const auto& view = *situation_.cluster;
  // /config and /failsafe, too: whoever leads without etcd relies on all others knowing that it may.
  ports::Transaction take{
      {Compare::absent(keys_.leader()), Compare::unchanged_since(keys_.sync(), action.sync_revision),
       Compare::unchanged_since(keys_.config(), view.config_revision),
       Compare::unchanged_since(keys_.failsafe(), view.failsafe_revision)},
      {Put{keys_.leader(), config_.name, lease}}};
  if (action.sync) take.writes.push_back(Put{keys_.sync(), patroni::write_sync(*action.sync)});
  const bool done = co_await commit("taking the leader key", std::move(take));
  if (done) situation_.local.right_until = ha::renewed_right(situation_.local);
}

base::Task<void> Agent::carry_out(ha::ReleaseLeaderKey) {
  const bool done = co_await commit_as_leader("releasing the leader key", {}, {Delete{keys_.leader()}});
  if (done) ha::lose_right(situation_.local);
}

using NamedReport = std::pair<ha::MemberName, std::optional<ha::PeerStatus>>;

static base::Task<NamedReport> ask(ports::Peers& peers, ha::MemberName name, std::string url,
                                   base::Instant deadline) {
  const auto answer = co_await peers.status(std::move(url), deadline);
  co_return NamedReport(std::move(name), answer ? std::optional(*answer) : std::nullopt);
}

base::Task<void> Agent::carry_out(ha::PollPeers) {
  const auto asked_at = world_.clock.now();
  std::vector<base::Task<NamedReport>> questions;
  for (const auto& peer : ha::peers_to_ask(situation_)) {
    if (peer.api_url.empty()) continue;
    const auto patience = situation_.cluster->member(peer.name) ? kPeerAnswerTime : kLostLeaderAnswerTime;
    questions.push_back(ask(world_.peers, peer.name, peer.api_url, deadline_within(patience)));
  }
  const auto answers = co_await base::all_of(world_.clock.executor(), std::move(questions));
  situation_.peers = ha::PeerReports(answers.begin(), answers.end());
  ha::fold_peer_reports(situation_, asked_at);
}

// The leader's entries
// ---------------------------------------------------------------------------------------

base::Task<void> Agent::carry_out(ha::WriteSyncState action) {
  co_await commit_as_leader("writing /sync",
                            {Compare::unchanged_since(keys_.sync(), action.state.mod_revision)},
                            {Put{keys_.sync(), patroni::write_sync(action.state)}});
}

base::Task<void> Agent::carry_out(ha::DeleteSyncState action) {
  co_await commit_as_leader("deleting /sync", {Compare::unchanged_since(keys_.sync(), action.mod_revision)},
                            {Delete{keys_.sync()}});
}

base::Task<void> Agent::carry_out(ha::ClearFailoverRequest action) {
  co_await commit_as_leader("clearing /failover",
                            {Compare::unchanged_since(keys_.failover(), action.mod_revision)},
                            {Delete{keys_.failover()}});
}

base::Task<void> Agent::carry_out(ha::WriteHistory) {
  const auto own = co_await world_.postgres.own_history(quick_deadline());
  if (!own) {
    telemetry::warning("reading the timeline history: {}", own.error().message);
    co_return;
  }
  std::vector<patroni::HistoryEntry> entries;
  for (const auto& left : *own) {
    const auto known = std::ranges::find_if(contents_.history, [&](const auto& entry) {
      return entry.timeline == left.timeline && entry.at == left.at;
    });
    entries.push_back(known != contents_.history.end()
                          ? *known
                          : patroni::HistoryEntry{left.timeline, left.at, left.reason, {}, {}});
  }
  if (!entries.empty() && entries.back().new_leader.empty()) {
    entries.back().timestamp = base::to_iso8601(world_.clock.wall_time());
    entries.back().new_leader = config_.name;
  }
  co_await commit_as_leader("writing /history", {}, {Put{keys_.history(), patroni::write_history(entries)}});
}

// PostgreSQL, quickly
// ----------------------------------------------------------------------------------------

base::Task<void> Agent::carry_out(ha::Follow action) {
  const auto done = co_await world_.postgres.follow(std::move(action.upstream), quick_deadline());
  if (!done) telemetry::warning("following another leader: {}", done.error().message);
}

base::Task<std::optional<ha::LocalWal>> Agent::local_wal() {
  const auto& instance = situation_.local.instance;
  if (instance.status) co_return ha::LocalWal{instance.status->timeline, instance.status->position};
  if (!instance.control) co_return std::nullopt;
  const auto timeline = instance.control->timeline;
  const auto end = co_await world_.postgres.end_of_wal(world_.clock.now() + kInspectTime);
  if (end) co_return ha::LocalWal{timeline, *end};
  telemetry::warning("finding the end of our WAL: {}", end.error().message);
  co_return std::nullopt;
}

base::Task<void> Agent::carry_out(ha::CompareTimelines action) {
  ha::Comparison comparison{.reason = "our own WAL cannot be read"};
  const auto upstream = co_await world_.postgres.inspect(action.leader, world_.clock.now() + kInspectTime);
  if (upstream) {
    const auto local = co_await local_wal();
    if (local) comparison = ha::compare(*local, *upstream, situation_.settings.standby_cluster.has_value());
  } else {
    comparison.reason = fmt::format("{} cannot be asked: {}", action.leader.name, upstream.error().message);
  }
  comparison.leader = action.leader.name;
  comparison.epoch = action.epoch;
  comparison.made_at = world_.clock.now();
  situation_.local.memory.comparison = std::move(comparison);
}

// Jobs
// -------------------------------------------------------------------------------------------------------

static base::Task<base::Result<void>> bootstrap_job(ports::Postgres& postgres, ports::ReportProgress report) {
  const auto made = co_await postgres.bootstrap(std::move(report));
  if (!made) co_return std::unexpected(made.error());
  telemetry::info("bootstrapped a cluster with system identifier {}", *made);
  co_return base::Result<void>();
}

base::Task<void> Agent::carry_out(ha::Bootstrap) {
  start_job({.kind = ha::JobKind::bootstrap},
            bootstrap_job(world_.postgres, reporter(ha::JobKind::bootstrap)));
  co_return;
}

base::Task<void> Agent::carry_out(ha::Clone action) {
  ha::RunningJob job{.kind = ha::JobKind::clone,
                     .source = action.source.name,
                     .from_replica = action.from_replica,
                     .epoch = leader_epoch()};
  if (situation_.cluster && situation_.cluster->leader) job.leader = situation_.cluster->leader->name;
  ports::Postgres::CloneOptions options{.discard = action.discard, .basebackup_only = action.basebackup_only};
  auto work = world_.postgres.clone(std::move(action.source), reporter(ha::JobKind::clone), options);
  start_job(std::move(job), std::move(work));
  co_return;
}

base::Task<void> Agent::carry_out(ha::StartPostgres action) {
  start_job({.kind = ha::JobKind::start, .source = action.upstream ? action.upstream->name : ""},
            world_.postgres.start({.standby = action.standby, .upstream = action.upstream}));
  co_return;
}

base::Task<void> Agent::carry_out(ha::StopPostgres action) {
  start_job({.kind = ha::JobKind::stop, .immediate = action.immediate}, stop_job(action));
  co_return;
}

base::Task<void> Agent::carry_out(ha::RestartPostgres action) {
  start_job({.kind = ha::JobKind::restart, .start_timeout = action.timeout}, restart_job());
  co_return;
}

base::Task<void> Agent::carry_out(ha::Promote) {
  start_job({.kind = ha::JobKind::promote}, world_.postgres.promote());
  co_return;
}

base::Task<void> Agent::carry_out(ha::Rewind action) {
  start_job({.kind = ha::JobKind::rewind, .source = action.source.name, .epoch = leader_epoch()},
            world_.postgres.rewind(action.source, reporter(ha::JobKind::rewind)));
  co_return;
}

base::Task<void> Agent::carry_out(ha::CancelJob) {
  if (auto& request = situation_.local.requests.reinitialize) request->force = false;
  cancel_job();
  co_return;
}

base::Task<void> Agent::carry_out(ha::DropRequest action) {
  if (action.kind == ha::RequestKind::reinitialize)
    commands_.drop_reinitialize();
  else
    commands_.drop_scheduled_restart();
  co_return;
}

// Making a cluster
// -------------------------------------------------------------------------------------------

base::Task<void> Agent::carry_out(ha::TakeInitializeKey) {
  // On our lease: should this node die before it has bootstrapped, another may.
  ports::Transaction take{{Compare::absent(keys_.initialize())},
                          {Put{keys_.initialize(), "", situation_.local.lease->id}}};
  const auto taken = co_await world_.dcs.commit(std::move(take), etcd_deadline());
  if (taken)
    situation_.local.memory.initialize_key = *taken;
  else
    telemetry::info("taking the initialize key: {}", taken.error().message);
}

base::Task<void> Agent::carry_out(ha::AnnounceBootstrap action) {
  const auto lease = *situation_.local.lease;
  std::vector<ports::Write> writes{Put{keys_.initialize(), action.system_id},
                                   Put{keys_.leader(), config_.name, lease.id}};
  if (!contents_.view.has_config) writes.push_back(Put{keys_.config(), patroni::write_config(dynamic_)});
  ports::Transaction announce{
      {Compare::created_at(keys_.initialize(), *situation_.local.memory.initialize_key),
       Compare::absent(keys_.leader())},
      std::move(writes)};
  const bool done = co_await commit("announcing the new cluster", std::move(announce));
  if (done) situation_.local.right_until = ha::right_until(lease);
}

base::Task<void> Agent::carry_out(ha::ConfirmBootstrap) {
  const auto done = co_await world_.postgres.confirm_bootstrap();
  if (!done) telemetry::error("confirming the bootstrap: {}", done.error().message);
}

base::Task<void> Agent::carry_out(ha::AdoptCluster action) {
  std::vector<ports::Write> writes{Put{keys_.initialize(), action.system_id}};
  if (!contents_.view.has_config) writes.push_back(Put{keys_.config(), patroni::write_config(dynamic_)});
  ports::Transaction adopt{{Compare::absent(keys_.initialize())}, std::move(writes)};
  co_await commit("writing the cluster into etcd", std::move(adopt));
}

// The loop sees to these itself.
base::Task<void> Agent::carry_out(ha::Wait) { co_return; }
base::Task<void> Agent::carry_out(ha::CheckName action) {
  const auto asked_before = liveness_asked_;
  const bool answered =
      co_await world_.peers.answers(std::move(action.api_url), world_.clock.now() + kNameTime);
  // An entry of an earlier run of this agent leads to ourselves: then it was our own REST API that answered.
  situation_.local.memory.name_taken = answered && liveness_asked_ == asked_before;
}
base::Task<void> Agent::carry_out(ha::Refuse) { co_return; }
base::Task<void> Agent::carry_out(ha::Exit) { co_return; }

}  // namespace holdfast::agent
