#include "ha/callbacks.hpp"

#include <utility>

#include "ha/situation.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

// From a start to the change of role that follows it at once: the callback of the latter would end the
// former's.
constexpr base::Duration kBetween = 500ms;

bool answers(const Instance& instance) {
  return instance.data == DataDirectory::valid && instance.process == Process::running && instance.status;
}

bool gave_up_starting(const Situation& s, MemberRole role) {
  const auto& failure = s.local.memory.failure;
  return role == MemberRole::demoted && failure && failure->kind == JobKind::start;
}

}  // namespace

std::string_view to_string(CallbackAction action) {
  switch (action) {
    case CallbackAction::on_start:
      return "on_start";
    case CallbackAction::on_stop:
      return "on_stop";
    case CallbackAction::on_restart:
      return "on_restart";
    case CallbackAction::on_role_change:
      return "on_role_change";
    case CallbackAction::on_reload:
      return "on_reload";
  }
  return "unknown";
}

std::optional<Callback> due_callback(CallbackMemory& memory, const Situation& s, MemberRole role) {
  const auto& instance = s.local.instance;
  if (s.local.job && s.local.job->kind == JobKind::stop) memory.stopped_by_us = true;
  if (s.local.job && s.local.job->kind == JobKind::restart) memory.restarting = true;
  if (!std::exchange(memory.looked, true)) {
    memory.running = answers(instance);
    if (memory.running) memory.role = role;
    if (memory.running) memory.started_at = instance.status->started_at;
    return std::nullopt;
  }
  if (answers(instance)) {
    if (memory.next_after && s.now < *memory.next_after) return std::nullopt;
    memory.next_after.reset();
    // A quick restart may have happened between two looks.
    const auto known = std::exchange(memory.started_at, instance.status->started_at);
    const bool another = known && memory.started_at && *known != *memory.started_at;
    const bool started = !std::exchange(memory.running, true) || another;
    const auto before = std::exchange(memory.role, role);
    const bool restarted = started && std::exchange(memory.restarting, false);
    if (started) memory.stopped_by_us = false;
    if (before && *before != role) return Callback{CallbackAction::on_role_change, role};
    if (!started) return std::nullopt;
    if (!before && role == MemberRole::standby_leader) {
      memory.role = MemberRole::replica;
      memory.next_after = s.now + kBetween;
      return Callback{CallbackAction::on_start, MemberRole::replica};
    }
    return Callback{restarted ? CallbackAction::on_restart : CallbackAction::on_start, role};
  }
  if (instance.process != Process::stopped) return std::nullopt;
  const bool stopped = std::exchange(memory.running, false);
  if (instance.data == DataDirectory::absent || instance.data == DataDirectory::incomplete) {
    memory.role.reset();  // what comes here next is another server
    return std::nullopt;
  }
  if (memory.role == MemberRole::primary && gave_up_starting(s, role)) {
    memory.role = role;
    return Callback{CallbackAction::on_role_change, role};
  }
  if (stopped && memory.role && std::exchange(memory.stopped_by_us, false) && !memory.restarting)
    return Callback{CallbackAction::on_stop, *memory.role};
  return std::nullopt;
}

}  // namespace holdfast::ha
