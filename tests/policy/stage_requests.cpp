// What people ask of this node, in transcripts: "ask restart at +60s if replica".
#include <fmt/format.h>

#include "stage.hpp"

namespace holdfast::policy_tests {
namespace {

ha::RestartConditions conditions(Words& words) {
  ha::RestartConditions found;
  if (!words.take("if")) return found;
  while (!words.done()) {
    if (words.take("primary"))
      found.role = ha::MemberRole::primary;
    else if (words.take("replica"))
      found.role = ha::MemberRole::replica;
    else if (words.take("pending"))
      found.only_if_pending = true;
    else if (words.take("older than"))
      found.older_than = words.number();
    else
      throw Misspelt("a restart is for a primary, a replica, pending, or older than a version like 150004");
  }
  return found;
}

}  // namespace

void Stage::ask(Words& words) {
  auto& requests = s_.local.requests;
  if (words.take("reinitialize")) {
    ha::Reinitialize request;
    request.from_leader = words.take("from leader");
    request.force = words.take("with force");
    requests.reinitialize = request;
    return;
  }
  if (words.take("giving up")) {
    if (requests.reinitialize) requests.reinitialize->given_up = true;
    return;
  }
  if (!words.take("restart")) throw Misspelt("ask for a restart, or to reinitialize");
  if (!words.take("at")) {
    const auto timeout = words.take("within") ? std::optional(words.duration()) : std::nullopt;
    requests.restart = conditions(words);
    requests.restart->timeout = timeout;
    return;
  }
  ha::ScheduledRestart scheduled;
  scheduled.at = s_.wall_time + std::chrono::floor<std::chrono::microseconds>(words.duration());
  if (s_.local.instance.status) scheduled.postmaster_started_at = s_.local.instance.status->started_at;
  scheduled.conditions = conditions(words);
  requests.scheduled_restart = scheduled;
}

void Stage::pending(Words& words) {
  if (!s_.local.instance.status) throw Misspelt("only a running server has pending settings");
  auto& pending = s_.local.instance.status->pending_restart;
  if (words.take("restart"))
    pending = {{.name = "max_connections", .old_value = "100", .new_value = "101"}};
  else if (words.take("none"))
    pending.clear();
  else
    throw Misspelt("pending is restart, or none");
}

// As agent::Commands does.
void Stage::note_begun(const ha::RunningJob& job) {
  auto& requests = s_.local.requests;
  const bool restarts = job.kind == ha::JobKind::restart || job.kind == ha::JobKind::start;
  if (restarts) requests.restart.reset();
  auto& scheduled = requests.scheduled_restart;
  if (job.kind == ha::JobKind::restart && scheduled && scheduled->at <= s_.wall_time) scheduled.reset();
}

void Stage::note_dropped(const ha::Action& action) {
  auto& requests = s_.local.requests;
  if (std::holds_alternative<ha::CancelJob>(action) && requests.reinitialize)
    requests.reinitialize->force = false;
  const auto* drop = std::get_if<ha::DropRequest>(&action);
  if (!drop) return;
  if (drop->kind == ha::RequestKind::reinitialize)
    requests.reinitialize.reset();
  else
    requests.scheduled_restart.reset();
}

}  // namespace holdfast::policy_tests
