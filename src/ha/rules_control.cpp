#include <fmt/format.h>

#include "ha/control.hpp"
#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

// The scheduled restart, if it is to be looked at now: nothing scheduled is done while the cluster is paused.
const ScheduledRestart* scheduled(const Situation& s) {
  const auto& request = s.local.requests.scheduled_restart;
  return request && !paused(s) && !s.local.job ? &*request : nullptr;
}

Verdict drop_scheduled_restart(const Situation& s) {
  const auto* request = scheduled(s);
  if (!request) return std::nullopt;
  const auto& status = s.local.instance.status;
  const auto started_at = status ? status->started_at : std::nullopt;
  if (started_at && request->postmaster_started_at && *started_at != *request->postmaster_started_at)
    return Proposal{DropRequest{RequestKind::scheduled_restart}, "PostgreSQL was restarted meanwhile"};
  if (is_stale(request->at, s))
    return Proposal{DropRequest{RequestKind::scheduled_restart},
                    fmt::format("it was for {}, too long ago", base::to_iso8601(request->at))};
  if (request->at > s.wall_time) return std::nullopt;
  const auto obstacle = restart_obstacle(s, request->conditions);
  if (obstacle.empty()) return std::nullopt;
  return Proposal{DropRequest{RequestKind::scheduled_restart},
                  fmt::format("not proceeding with the restart: {}", obstacle)};
}

Verdict scheduled_restart(const Situation& s) {
  const auto* request = scheduled(s);
  if (!request || request->at > s.wall_time || !s.cluster || !s.cluster->leader) return std::nullopt;
  if (s.local.instance.process != Process::running) return std::nullopt;
  return Proposal{RestartPostgres{request->conditions.timeout},
                  fmt::format("scheduled for {}", base::to_iso8601(request->at))};
}

// A stopped PostgreSQL is started by the rules of recovery, which know as what.
Verdict restart(const Situation& s) {
  const auto& request = s.local.requests.restart;
  if (!request || s.local.job || s.local.instance.data != DataDirectory::valid) return std::nullopt;
  if (s.local.instance.process == Process::stopped || s.local.instance.process == Process::stopping)
    return std::nullopt;
  return Proposal{RestartPostgres{request->timeout}, "asked for"};
}

bool is_primary_by_right(const Situation& s) { return is_leader(s) || (s.local.right_until && !s.cluster); }

Verdict drop_reinitialize(const Situation& s) {
  const auto& request = s.local.requests.reinitialize;
  if (!request || s.local.job || (!request->given_up && !is_primary_by_right(s))) return std::nullopt;
  return Proposal{DropRequest{RequestKind::reinitialize},
                  request->given_up ? "given up by request" : "this node is the leader now"};
}

Verdict cancel_reinitialize(const Situation& s) {
  const auto& request = s.local.requests.reinitialize;
  if (!request || !request->given_up || !s.local.job || s.local.job->kind != JobKind::clone)
    return std::nullopt;
  return Proposal{CancelJob{}, "the reinitialize is given up by request"};
}

Verdict cancel_for_reinitialize(const Situation& s) {
  const auto& request = s.local.requests.reinitialize;
  if (!request || !request->force || request->given_up || !s.local.job || is_primary_by_right(s))
    return std::nullopt;
  if (s.local.job->kind == JobKind::stop) return std::nullopt;
  return Proposal{CancelJob{},
                  fmt::format("{} is given up for a reinitialize", to_string(s.local.job->kind))};
}

// What to copy; absent while nobody can be copied.
std::optional<Clone> wanted_copy(const Situation& s) {
  const auto& request = s.local.requests.reinitialize;
  if (!request || s.local.job || is_primary_by_right(s)) return std::nullopt;
  return request->from_leader ? clone_of_leader(s) : clone_from(s);
}

Verdict stop_for_reinitialize(const Situation& s) {
  if (!wanted_copy(s) || s.local.instance.process == Process::stopped) return std::nullopt;
  return Proposal{StopPostgres{.immediate = true}, "the data here is to be replaced"};
}

Verdict reinitialize_back_off(const Situation& s) {
  const auto copy = wanted_copy(s);
  return copy ? pause_between_clones(s, copy) : std::nullopt;
}

Verdict reinitialize(const Situation& s) {
  auto copy = wanted_copy(s);
  if (!copy) return std::nullopt;
  auto reason =
      fmt::format("asked for; from {} {}", copy->from_replica ? "replica" : "leader", copy->source.name);
  return Proposal{std::move(*copy), std::move(reason)};
}

constexpr Rule kRules[] = {
    {"control.drop_scheduled_restart",
     "Drop a scheduled restart that is done, too old, or whose conditions do not hold.",
     drop_scheduled_restart},
    {"control.scheduled_restart", "Restart PostgreSQL when its time has come.", scheduled_restart},
    {"control.restart", "Restart PostgreSQL when asked.", restart},
    {"control.drop_reinitialize", "A reinitialize was given up, or this node leads now.", drop_reinitialize},
    {"control.cancel_reinitialize", "A reinitialize is given up.", cancel_reinitialize},
    {"control.cancel_for_reinitialize", "A forced reinitialize gives up what is under way.",
     cancel_for_reinitialize},
    {"control.stop_for_reinitialize", "Before a reinitialize, stop PostgreSQL.", stop_for_reinitialize},
    {"control.reinitialize_back_off", "Pause after a failed reinitialize.", reinitialize_back_off},
    {"control.reinitialize", "Copy a replica that offers itself, or the leader, beside the data, then swap.",
     reinitialize},
};

}  // namespace

std::span<const Rule> control_rules() { return kRules; }

}  // namespace holdfast::ha
