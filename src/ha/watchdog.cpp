#include "ha/watchdog.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

bool leads_standby(const Situation& s) {
  return may_lead(s) && s.local.instance.data == DataDirectory::valid && s.local.instance.status &&
         s.local.instance.status->in_recovery;
}

}  // namespace

base::Duration wanted_watchdog_timeout(const Situation& s) {
  const auto& margin = s.local.watchdog.safety_margin;
  const auto ttl = s.local.lease ? s.local.lease->ttl : s.settings.ttl;
  const auto timeout = margin < base::Duration::zero() ? ttl / 2 : ttl - margin;
  return std::chrono::floor<std::chrono::seconds>(timeout);
}

bool needs_watchdog(const Situation& s) {
  if (s.local.watchdog.mode == Watchdog::Mode::off || s.settings.pause) return false;
  return (may_accept_writes(s.local) && s.local.right_until) || leads_standby(s);
}

std::optional<std::string> watchdog_obstacle(const Situation& s) {
  const auto& watchdog = s.local.watchdog;
  if (!watchdog.usable && !watchdog.armed) return "there is no watchdog device that may be written to";
  const auto& failure = watchdog.failure;
  if (failure && failure->in_a_row >= kWatchdogAttempts && s.now < failure->at + kWatchdogRetry)
    return failure->why;
  const auto wanted = wanted_watchdog_timeout(s);
  if (wanted < 1s || wanted < s.settings.loop_wait)
    return fmt::format("a timeout of {} (ttl less safety_margin) is shorter than loop_wait {}",
                       base::to_string(wanted), base::to_string(s.settings.loop_wait));
  return std::nullopt;
}

bool watchdog_failed(const Situation& s) {
  return s.local.watchdog.mode == Watchdog::Mode::required && watchdog_obstacle(s);
}

std::optional<base::Instant> watchdog_limit(const Watchdog& watchdog) {
  if (!watchdog.armed) return std::nullopt;
  return watchdog.fed_at + watchdog.timeout - std::min<base::Duration>(2s, watchdog.timeout / 4);
}

void fold_watchdog_armed(LocalState& local, base::Duration asked_for, base::Duration timeout,
                         base::Instant at) {
  auto& watchdog = local.watchdog;
  watchdog.armed = true;
  watchdog.asked_for = asked_for;
  watchdog.timeout = timeout;
  watchdog.shortened = false;
  watchdog.fed_at = at;
  watchdog.failure.reset();
  if (local.right_until) local.right_until = std::min(*local.right_until, *watchdog_limit(watchdog));
}

void fold_watchdog_failure(LocalState& local, base::Duration asked_for, std::string why, base::Instant at) {
  auto& watchdog = local.watchdog;
  const int before =
      watchdog.failure && watchdog.failure->wanted == asked_for ? watchdog.failure->in_a_row : 0;
  watchdog.armed = false;
  watchdog.failure = Watchdog::Failure{asked_for, std::move(why), at, before + 1};
}

}  // namespace holdfast::ha
