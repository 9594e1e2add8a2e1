// synchronous_standby_names: setting them, and finding out from which WAL position on every commit obeys
// them.
#include "agent/agent.hpp"
#include "ha/rules.hpp"
#include "ha/sync_plan.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;

// Each WAL sender re-reads its configuration on its own. Only what is committed after all of them have is
// certain to be confirmed by the new names; a live one takes a millisecond, a starved one some more.
constexpr base::Duration kSendersSettle = 100ms;

}  // namespace

base::Task<void> Agent::carry_out(ha::SetSyncNames action) {
  const auto done =
      co_await world_.postgres.set_synchronous_standby_names(std::move(action.names), quick_deadline());
  if (!done) telemetry::warning("setting synchronous_standby_names: {}", done.error().message);
}

void Agent::prove_sync_names() {
  const auto& barrier = situation_.local.memory.sync_barrier;
  if (proving_ && (!barrier || barrier->names != *proving_)) {  // also when the names come back later
    proof_.cancel();
    proving_.reset();
  }
  if (proving_ || !barrier || barrier->names.empty() || barrier->position) return;
  // A checkpoint is not for nothing: a server that did not answer for a moment is a busy one.
  if (!situation_.cluster || !ha::is_leader(situation_) || !ha::awaits_confirmation(situation_)) return;
  proving_ = barrier->names;
  proof_ = tasks_.spawn_with_token(prove(barrier->commits_waited));
}

base::Task<void> Agent::prove(bool commits_waited) {
  const auto position = co_await position_obeying_names(commits_waited);
  proving_.reset();
  if (!position) {  // the next look tries again
    telemetry::warning("waiting for commits to obey synchronous_standby_names: {}", position.error().message);
    co_return;
  }
  situation_.local.memory.sync_barrier->position =
      *position;  // still the same: another one cancels its proof
  wake_.set();
}

// Sessions ask shared memory whether commits wait at all, and the checkpointer writes that there once it
// reads the configuration: between two checkpoints. A checkpoint asked for now may begin before it does; a
// second one cannot. https://www.postgresql.org/docs/15/sql-checkpoint.html,
// SyncRepUpdateSyncStandbysDefined() in syncrep.c
base::Task<base::Result<pg::Lsn>> Agent::position_obeying_names(bool commits_waited) {
  for (int checkpoints = commits_waited ? 0 : 2; checkpoints > 0; --checkpoints) {
    const auto made = co_await checkpoint();
    if (!made) co_return std::unexpected(made.error());
  }
  co_await world_.clock.sleep_until(world_.clock.now() + kSendersSettle);
  const auto instance = co_await world_.postgres.observe(quick_deadline());
  if (!instance.status) co_return base::fail(base::ErrorKind::unreachable, "{}", instance.status_problem);
  if (instance.status->in_recovery) co_return base::fail(base::ErrorKind::conflict, "no longer a primary");
  co_return instance.status->position;
}

}  // namespace holdfast::agent
