#include "agent/commands.hpp"

#include <fmt/format.h>

#include "ha/control.hpp"
#include "ha/rules.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {

std::optional<std::string> Commands::ask_restart(ha::RestartConditions conditions) {
  auto& local = situation_.local;
  if (const auto obstacle = ha::restart_obstacle(situation_, conditions); !obstacle.empty()) {
    telemetry::info("not proceeding with the restart: {}", obstacle);
    return "restart conditions are not satisfied";
  }
  if (local.job) return fmt::format("{} already in progress", to_string(local.job->kind));
  if (local.requests.restart) return "restart already in progress";
  local.requests.restart = std::move(conditions);
  last_restart_ = Restart::asked;
  return std::nullopt;
}

std::optional<std::string> Commands::ask_reinitialize(ha::Reinitialize request) {
  auto& local = situation_.local;
  if (!situation_.cluster || !situation_.cluster->leader)
    return "Cluster has no leader, can not reinitialize";
  if (ha::is_leader(situation_)) return "I am the leader, can not reinitialize";
  if (!request.force) {
    if (local.requests.reinitialize) return "reinitialize already in progress";
    if (local.job) return fmt::format("{} already in progress", to_string(local.job->kind));
  }
  local.requests.reinitialize = request;
  last_reinitialize_ = Reinitialize::none;
  return std::nullopt;
}

bool Commands::schedule_restart(ha::ScheduledRestart request, boost::json::object as_asked) {
  auto& slot = situation_.local.requests.scheduled_restart;
  if (slot) return false;
  const auto& status = situation_.local.instance.status;
  if (status && status->started_at) {
    request.postmaster_started_at = status->started_at;
    as_asked["postmaster_start_time"] = base::to_python_text(*status->started_at);
  }
  slot = request;
  scheduled_restart_ = std::move(as_asked);
  return true;
}

bool Commands::drop_scheduled_restart() {
  auto& slot = situation_.local.requests.scheduled_restart;
  const bool was = slot.has_value();
  slot.reset();
  return was;
}

bool Commands::drop_reinitialize() {
  auto& slot = situation_.local.requests.reinitialize;
  const bool was = slot.has_value();
  if (was) last_reinitialize_ = Reinitialize::given_up;
  slot.reset();
  return was;
}

bool Commands::give_up_reinitialize() {
  auto& slot = situation_.local.requests.reinitialize;
  if (!slot) return false;
  slot->given_up = true;
  last_reinitialize_ = Reinitialize::given_up;
  return true;
}

bool Commands::reinitializes() const {
  const auto& request = situation_.local.requests.reinitialize;
  return request && !request->given_up;
}

const boost::json::object& Commands::scheduled_restart() const {
  static const boost::json::object kNone;
  return situation_.local.requests.scheduled_restart ? scheduled_restart_ : kNone;
}

// A stopped server is restarted by starting it.
bool Commands::job_is_restart(const ha::RunningJob& job) const {
  return job.kind == ha::JobKind::restart ||
         (job.kind == ha::JobKind::start && situation_.local.requests.restart);
}

void Commands::job_begun(const ha::RunningJob& job) {
  auto& requests = situation_.local.requests;
  if (job.kind == ha::JobKind::clone && requests.reinitialize) requests.reinitialize->force = false;
  if (!job_is_restart(job)) return;
  last_restart_ = Restart::under_way;
  requests.restart.reset();
  auto& scheduled = requests.scheduled_restart;
  if (scheduled && scheduled->at <= situation_.wall_time) scheduled.reset();
}

void Commands::job_ended(const ha::RunningJob& job, bool well) {
  auto& requests = situation_.local.requests;
  if (job.kind == ha::JobKind::clone && well && requests.reinitialize) {
    last_reinitialize_ = Reinitialize::done;
    requests.reinitialize.reset();
  }
  const bool restarts = job.kind == ha::JobKind::restart || job.kind == ha::JobKind::start;
  if (restarts && last_restart_ == Restart::under_way) last_restart_ = well ? Restart::done : Restart::failed;
}

}  // namespace holdfast::agent
