#include "ha/control.hpp"

#include "ha/rules.hpp"

namespace holdfast::ha {

bool paused(const Situation& s) { return s.settings.pause && (!s.cluster || s.cluster->has_config); }

bool left_stopped(const Situation& s) {
  return paused(s) && s.local.instance.process == Process::stopped && !s.local.memory.owes_start &&
         !s.local.requests.restart;
}

bool chosen_by_request(const Situation& s) {
  if (!s.cluster || !s.cluster->failover || s.cluster->failover->candidate != s.local.name) return false;
  const auto& at = s.cluster->failover->scheduled_at;
  return !at || *at <= s.wall_time;
}

bool is_stale(base::WallTime scheduled_at, const Situation& s) {
  return scheduled_at + std::chrono::floor<std::chrono::microseconds>(s.settings.loop_wait * 3 / 2) <
         s.wall_time;
}

MemberRole role_of_postgres(const Situation& s) {
  const auto& instance = s.local.instance;
  const bool standby = instance.status ? instance.status->in_recovery : instance.standby_signal;
  if (!standby) return MemberRole::primary;
  return s.settings.standby_cluster && is_leader(s) ? MemberRole::standby_leader : MemberRole::replica;
}

std::string restart_obstacle(const Situation& s, const RestartConditions& conditions) {
  if (conditions.role && *conditions.role != role_of_postgres(s)) return "host role mismatch";
  const auto& status = s.local.instance.status;
  if (conditions.older_than && status && status->server_version >= *conditions.older_than)
    return "postgres version mismatch";
  if (conditions.only_if_pending && (!status || status->pending_restart.empty()))
    return "pending restart flag is not set";
  return {};
}

}  // namespace holdfast::ha
