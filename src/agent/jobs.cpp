// Long work beside the loop. One job at a time; cancelling it destroys its task.
#include "agent/agent.hpp"
#include "ha/memory.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kCheckpointTime =
    30s;  // a longer one is not worth waiting for: the stop makes its own
constexpr base::Duration kAsLongAsItTakes = std::chrono::hours(24 * 365);
constexpr base::Duration kImmediateStopTime = 30s;

}  // namespace

void Agent::start_job(ha::RunningJob job, base::Task<base::Result<void>> work) {
  cancel_job();
  job.started_at = world_.clock.now();
  commands_.job_begun(job);
  situation_.local.job = std::move(job);
  job_ = tasks_.spawn_with_token(run_job(std::move(work)));
}

void Agent::cancel_job() {
  job_.cancel();
  if (const auto& job = situation_.local.job) {
    commands_.job_ended(*job, false);
    ha::fold_job_cancelled(situation_.local.memory, *job);
  }
  finished_job_.reset();
  progress_.reset();
  situation_.local.job.reset();
}

base::Task<void> Agent::run_job(base::Task<base::Result<void>> work) {
  finished_job_ = co_await std::move(work);
  wake_.set();
}

base::Task<void> Agent::shorten_stop() {
  const auto done = co_await world_.postgres.checkpoint(world_.clock.now() + kCheckpointTime);
  if (!done) telemetry::warning("checkpoint before the stop: {}", done.error().message);
}

base::Task<base::Result<void>> Agent::stop_job(ha::StopPostgres action) {
  if (action.checkpoint_first) co_await shorten_stop();
  const auto mode = action.immediate ? ports::StopMode::immediate : ports::StopMode::fast;
  const auto time = action.immediate ? kImmediateStopTime : kAsLongAsItTakes;
  auto stopped = co_await world_.postgres.stop(mode, world_.clock.now() + time);
  if (!stopped || !action.archive_end) co_return stopped;
  const auto archived = co_await world_.postgres.archive_end_of_wal();
  if (!archived) telemetry::warning("archiving the end of our WAL: {}", archived.error().message);
  co_return stopped;
}

// What goes on from the same data loses nothing by a stop that is cut short.
base::Task<base::Result<void>> Agent::stop_to_restart() {
  const auto time = situation_.settings.pg_ctl_timeout;
  auto stopped = co_await world_.postgres.stop(ports::StopMode::fast, world_.clock.now() + time);
  if (stopped || stopped.error().kind != base::ErrorKind::timed_out) co_return stopped;
  telemetry::warning("PostgreSQL did not stop in {}; ending it", base::to_string(time));
  co_return co_await stop_job({.immediate = true});
}

// A standby keeps whom it follows, a primary is one again: both are written in its data directory.
base::Task<base::Result<void>> Agent::restart_job() {
  const bool primary = !situation_.local.instance.standby_signal;
  if (primary) co_await shorten_stop();
  auto stopped = co_await stop_to_restart();
  if (!stopped) co_return stopped;
  co_return co_await world_.postgres.start({});
}

}  // namespace holdfast::agent
