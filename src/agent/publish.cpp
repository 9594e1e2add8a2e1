// What others read of this node in etcd: its member entry and, as leader, the cluster's /status.
#include <utility>

#include "agent/agent.hpp"
#include "ha/control.hpp"
#include "ha/rules.hpp"
#include "ha/slots.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using ha::MemberRole;
using ha::MemberState;

MemberState state_during(ha::JobKind job) {
  switch (job) {
    case ha::JobKind::bootstrap:
      return MemberState::initdb;
    case ha::JobKind::clone:
    case ha::JobKind::rewind:
      return MemberState::creating_replica;
    case ha::JobKind::start:
      return MemberState::starting;
    case ha::JobKind::stop:
      return MemberState::stopping;
    case ha::JobKind::restart:
      return MemberState::restarting;
    case ha::JobKind::promote:
      return MemberState::running;
  }
  return MemberState::unknown;
}

// Whoever waits for the end of a reinitialize waits for the end of this state, so it also covers the stop
// before the copy and the pauses between attempts.
bool is_being_replaced(const ha::LocalState& local) {
  const auto& request = local.requests.reinitialize;
  if (!request || request->given_up) return false;
  return local.job ? local.job->kind == ha::JobKind::stop : local.instance.process == ha::Process::stopped;
}

MemberState state_of(const ha::LocalState& local) {
  if (is_being_replaced(local)) return MemberState::creating_replica;
  if (local.job) return state_during(local.job->kind);
  switch (local.instance.process) {
    case ha::Process::starting:
      return MemberState::starting;
    case ha::Process::running:
      return local.instance.status ? MemberState::running : MemberState::unknown;
    case ha::Process::stopping:
      return MemberState::stopping;
    case ha::Process::stopped:
      break;
  }
  const auto& failure = local.memory.failure;
  if (failure && failure->kind == ha::JobKind::restart) return MemberState::restart_failed;
  return failure && failure->kind == ha::JobKind::start ? MemberState::start_failed : MemberState::stopped;
}

MemberRole role_of(const ha::LocalState& local, bool leader, bool standby_cluster) {
  const auto& instance = local.instance;
  if (instance.data != ha::DataDirectory::valid) return MemberRole::uninitialized;
  if (instance.status && !instance.status->in_recovery) return MemberRole::primary;
  if (instance.status || instance.standby_signal)
    return leader && standby_cluster ? MemberRole::standby_leader : MemberRole::replica;
  return leader ? MemberRole::primary : MemberRole::demoted;
}

}  // namespace

std::string Agent::api_url_of(const patroni::NodeConfig& config) {
  const char* scheme = config.restapi.certfile.empty() ? "http://" : "https://";
  return scheme + config.restapi.connect_address + "/patroni";
}

// Until then nobody under Patroni rewinds to this leader. Absent is its word for yes.
static std::optional<bool> checkpoint_after_promotion(const std::optional<ha::ServerStatus>& status) {
  const bool made = status && !status->in_recovery && status->checkpoint_timeline == status->timeline;
  return made ? std::nullopt : std::optional(false);
}

patroni::MemberValue Agent::member_value() const {
  const auto& local = situation_.local;
  patroni::MemberValue value;
  value.conn_url = local.conn_url;
  value.api_url = local.api_url;
  value.state = state_of(local);
  if (value.state == MemberState::initdb && config_.bootstrap.method)
    value.state = MemberState::custom_bootstrap;
  value.role = role_of(local, ha::is_leader(situation_), situation_.settings.standby_cluster.has_value());
  if (ha::is_leader(situation_))
    value.checkpoint_after_promote = checkpoint_after_promotion(local.instance.status);
  value.version = patroni::kPatroniVersion;
  value.tags = config_.tags_json;
  value.holdfast = HOLDFAST_VERSION;
  value.pause = ha::paused(situation_);
  value.scheduled_restart = commands_.scheduled_restart();
  if (const auto& status = local.instance.status) {
    value.pending_restart_reason = patroni::pending_restart_reason(status->pending_restart);
    value.pending_restart = !value.pending_restart_reason.empty();
    value.xlog_location = status->position;
    value.timeline = status->timeline;
    if (status->in_recovery) {
      value.replay_lsn = status->replayed;
      if (status->received) value.receive_lsn = status->received;
      value.replication_state = status->receiver_streaming ? "streaming" : "in archive recovery";
    }
  }
  return value;
}

std::string Agent::status_value() const {
  const auto& status = situation_.local.instance.status;
  if (!ha::leads_by_own_lease(situation_) || !status) return {};
  if (status->in_recovery && !situation_.settings.standby_cluster) return {};
  return patroni::write_status(ha::cluster_status(situation_));
}

void Agent::publish() {
  const auto& lease = situation_.local.lease;
  if (!lease || !situation_.cluster) return;
  auto value = member_value();
  Publication next{.member = patroni::write_member_value(value),
                   .status = status_value(),
                   .lease = lease->id,
                   .epoch = situation_.cluster->leader ? situation_.cluster->leader->epoch : 0,
                   .at = situation_.now};
  value.xlog_location = value.receive_lsn = value.replay_lsn = std::nullopt;
  next.member_state = patroni::write_member_value(value);

  const auto& last = published_;
  const bool urgent = !last || last->lease != next.lease || last->member_state != next.member_state ||
                      last->status.empty() != next.status.empty();
  const bool due = last && situation_.now >= last->at + situation_.settings.loop_wait &&
                   (last->member != next.member || last->status != next.status);
  if (!urgent && !due) return;
  wanted_ = std::move(next);
  publish_wanted_.set();
}

base::Task<void> Agent::publisher() {
  while (true) {
    co_await publish_wanted_.wait();
    publish_wanted_.clear();
    co_await write_published();
  }
}

base::Task<void> Agent::write_published() {
  if (!wanted_) co_return;
  const auto next = *std::exchange(wanted_, std::nullopt);
  published_ = next;
  const auto deadline = world_.clock.now() + situation_.settings.retry_timeout;
  ports::Transaction member{{}, {ports::Put{keys_.member(config_.name), next.member, next.lease}}};
  auto done = co_await world_.dcs.commit(std::move(member), deadline);
  if (done && !next.status.empty()) {
    ports::Transaction status{{ports::Compare::created_at(keys_.leader(), next.epoch)},
                              {ports::Put{keys_.status(), next.status}}};
    done = co_await world_.dcs.commit(std::move(status), deadline);
  }
  if (done) {
    situation_.local.memory.entry_published = true;
    co_return;
  }
  telemetry::debug("publishing our state: {}", done.error().message);
  published_.reset();  // say it again at the next look
}

}  // namespace holdfast::agent
