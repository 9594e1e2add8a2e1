// Which of the user's callbacks are due: a pure fold of what was observed, one look after the other.
// https://patroni.readthedocs.io/en/latest/yaml_configuration.html#postgresql (callbacks)
#pragma once

#include <optional>
#include <string_view>

#include "base/time.hpp"
#include "ha/cluster_view.hpp"

namespace holdfast::ha {

struct Situation;

enum class CallbackAction { on_start, on_stop, on_restart, on_role_change, on_reload };

std::string_view to_string(CallbackAction action);

struct Callback {
  CallbackAction action = CallbackAction::on_start;
  MemberRole role = MemberRole::uninitialized;

  bool operator==(const Callback&) const = default;
};

struct CallbackMemory {
  bool looked = false;             // a server that ran before the agent did is not said to have started
  bool running = false;            // at the last look
  bool stopped_by_us = false;      // and not by a crash
  bool restarting = false;         // a stop and a start that belong together
  std::optional<MemberRole> role;  // that the server was last said, or found, to have
  std::optional<base::WallTime> started_at;  // of that server
  std::optional<base::Instant> next_after;   // leaves a callback that was made to come first time to run
};

// `role`: of this node as others see it now. At most one callback is due at a time:
//   - on_role_change, when the server runs in another role than it did last, however it got there; also when
//   a
//     primary that does not start any more has given its leader key up (demoted);
//   - on_restart after a restart, on_start after any other start, both in the same role as before;
//   - on_stop after a stop that was asked for.
// As in Patroni, the leader of a standby cluster starts as a replica and then changes its role.
std::optional<Callback> due_callback(CallbackMemory& memory, const Situation& situation, MemberRole role);

}  // namespace holdfast::ha
