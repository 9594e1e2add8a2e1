// Checkpoints beside the loop, for a busy server takes its time; first of all the one that a promotion calls
// for.
#include "agent/agent.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kLongestCheckpoint = 10min;

}  // namespace

base::Task<base::Result<void>> Agent::checkpoint() {
  return world_.postgres.checkpoint(world_.clock.now() + kLongestCheckpoint);
}

base::Task<void> Agent::carry_out(ha::MakeCheckpoint) {
  situation_.local.memory.checkpoint_runs = true;
  tasks_.spawn(make_checkpoint());
  co_return;
}

base::Task<void> Agent::make_checkpoint() {
  const auto made = co_await checkpoint();
  auto& memory = situation_.local.memory;
  memory.checkpoint_runs = false;
  memory.checkpoint_failed_at.reset();
  if (made) {
    wake_.set();
    co_return;
  }
  memory.checkpoint_failed_at = world_.clock.now();
  telemetry::warning("checkpoint after the promotion: {}", made.error().message);
}

}  // namespace holdfast::agent
