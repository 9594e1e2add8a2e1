// The watchdog device, fed by this process together with the proof that it may lead. A frozen agent feeds
// nothing.
#include "ha/watchdog.hpp"

#include "agent/agent.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

// Well below safety_margin; spares a healthy node the change of the timeout.
constexpr base::Duration kNegligible = std::chrono::seconds(1);

}  // namespace

ha::Watchdog::Mode Agent::watchdog_mode(patroni::WatchdogConfig::Mode configured) {
  switch (configured) {
    case patroni::WatchdogConfig::Mode::off:
      return ha::Watchdog::Mode::off;
    case patroni::WatchdogConfig::Mode::automatic:
      return ha::Watchdog::Mode::automatic;
    case patroni::WatchdogConfig::Mode::required:
      return ha::Watchdog::Mode::required;
  }
  return ha::Watchdog::Mode::off;
}

base::Task<void> Agent::carry_out(ha::ArmWatchdog action) {
  auto& local = situation_.local;
  const auto now = world_.clock.now();
  const bool first = !local.watchdog.armed;
  auto armed = world_.watchdog.arm(action.timeout);
  if (armed && *armed > action.timeout && local.watchdog.mode == ha::Watchdog::Mode::required) {
    if (auto stopped = world_.watchdog.disarm(); !stopped)
      telemetry::error("watchdog: {}", stopped.error().message);
    armed =
        base::fail(base::ErrorKind::failed, "the device takes no timeout below {}", base::to_string(*armed));
  }
  if (armed) {
    if (*armed > action.timeout)
      telemetry::warning("watchdog: a timeout of {} does not end this host before another may lead",
                         base::to_string(*armed));
    telemetry::info("watchdog {}: {}", first ? "started" : "set", base::to_string(*armed));
    ha::fold_watchdog_armed(local, action.timeout, *armed, now);
  } else {
    telemetry::warning("watchdog: {}", armed.error().message);
    ha::fold_watchdog_failure(local, action.timeout, armed.error().message, now);
    (void)world_.watchdog.disarm();  // it may have gone on with its former timeout, and nobody feeds it now
  }
  co_return;
}

base::Task<void> Agent::carry_out(ha::DisarmWatchdog) {
  situation_.local.watchdog.armed = false;
  if (auto stopped = world_.watchdog.disarm(); !stopped)
    telemetry::error("watchdog: {}", stopped.error().message);
  else
    telemetry::info("watchdog stopped");
  co_return;
}

// What proves that we may lead was sent at `proven_at`, and others count from there. The device can only
// count from now, so it gets less time when the answer was slow.
void Agent::feed_watchdog(base::Instant proven_at) {
  auto& watchdog = situation_.local.watchdog;
  if (!watchdog.armed) return;
  const auto now = world_.clock.now();
  const auto lag = now - proven_at;
  const auto timeout = lag < kNegligible ? watchdog.asked_for
                                         : watchdog.asked_for - std::chrono::ceil<std::chrono::seconds>(lag);
  if (timeout < std::chrono::seconds(1)) return;
  base::Result<base::Duration> fed = watchdog.timeout;
  if (timeout != watchdog.asked_for || watchdog.shortened)
    fed = world_.watchdog.arm(timeout);
  else if (auto kept = world_.watchdog.keep_alive(); !kept)
    fed = std::unexpected(std::move(kept.error()));
  if (fed) {
    watchdog.fed_at = now;
    watchdog.timeout = *fed;
    watchdog.shortened = timeout != watchdog.asked_for;
  } else {
    telemetry::error("watchdog: {}", fed.error().message);
    ha::fold_watchdog_failure(situation_.local, watchdog.asked_for, fed.error().message, now);
    (void)world_.watchdog.disarm();  // and perhaps it can be opened anew
  }
}

}  // namespace holdfast::agent
