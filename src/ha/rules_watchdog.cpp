#include <fmt/format.h>

#include "ha/rules.hpp"
#include "ha/watchdog.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kSecondAttempt = 200ms;

bool ending(const Situation& s) {
  return s.local.job && s.local.job->kind == JobKind::stop && s.local.job->immediate;
}

bool tried_just_now(const Situation& s) {
  const auto& failure = s.local.watchdog.failure;
  if (!failure || failure->wanted != wanted_watchdog_timeout(s)) return false;
  return s.now < failure->at + (failure->in_a_row < kWatchdogAttempts ? kSecondAttempt : kWatchdogRetry);
}

Verdict arm(const Situation& s) {
  const auto& watchdog = s.local.watchdog;
  if (!needs_watchdog(s) || watchdog.armed || !watchdog.usable || ending(s) || tried_just_now(s))
    return std::nullopt;
  if (watchdog_obstacle(s)) return std::nullopt;
  return Proposal{ArmWatchdog{wanted_watchdog_timeout(s)},
                  "this node leads: should its agent fail, the host must end before another leads"};
}

Verdict adjust(const Situation& s) {
  const auto& watchdog = s.local.watchdog;
  const auto wanted = wanted_watchdog_timeout(s);
  if (!watchdog.armed || !needs_watchdog(s) || watchdog.asked_for == wanted || watchdog_obstacle(s))
    return std::nullopt;
  if (!leads_by_own_lease(s)) return std::nullopt;  // the key still hangs on the lease of the former ttl
  return Proposal{ArmWatchdog{wanted}, fmt::format("ttl is {} now", base::to_string(s.settings.ttl))};
}

Verdict disarm(const Situation& s) {
  if (!s.local.watchdog.armed || needs_watchdog(s)) return std::nullopt;
  return Proposal{DisarmWatchdog{}, s.settings.pause ? "the cluster is paused" : "no primary of ours runs"};
}

// Why this node, which may lead only with a watchdog, has none.
std::optional<std::string> missing(const Situation& s) {
  const auto& watchdog = s.local.watchdog;
  if (watchdog.mode != Watchdog::Mode::required || watchdog.armed || s.settings.pause) return std::nullopt;
  return watchdog_obstacle(s);
}

Verdict end_primary(const Situation& s) {
  if (!may_accept_writes(s.local) || ending(s) || !s.local.right_until) return std::nullopt;
  const auto why = missing(s);
  if (!why) return std::nullopt;
  return Proposal{StopPostgres{.immediate = true}, fmt::format("a watchdog is required: {}", *why)};
}

Verdict release_key(const Situation& s) {
  if (!is_leader(s) || may_accept_writes(s.local) || s.local.job) return std::nullopt;
  const auto why = missing(s);
  if (!why) return std::nullopt;
  return Proposal{ReleaseLeaderKey{}, fmt::format("a watchdog is required: {}", *why)};
}

// The standby is promoted only when the device runs.
Verdict wait_for_device(const Situation& s) {
  const auto& watchdog = s.local.watchdog;
  if (watchdog.mode != Watchdog::Mode::required || watchdog.armed || !needs_watchdog(s) || s.local.job)
    return std::nullopt;
  if (may_accept_writes(s.local)) return std::nullopt;
  return Proposal{Wait{s.now + kSecondAttempt}, "a watchdog is required before the promotion"};
}

constexpr Rule kRules[] = {
    {"watchdog.arm", "Start the watchdog before this node promotes, or when it runs a primary.", arm},
    {"watchdog.adjust", "Give the watchdog the timeout that follows from the ttl.", adjust},
    {"watchdog.disarm", "Stop the watchdog when no primary runs here, or in pause.", disarm},
    {"watchdog.end_primary", "End a primary without the watchdog that it requires.", end_primary},
    {"watchdog.release_key", "Without the watchdog it requires, a node does not lead.", release_key},
    {"watchdog.wait_for_device", "Do not promote before the required watchdog runs.", wait_for_device},
};

}  // namespace

std::span<const Rule> watchdog_rules() { return kRules; }

}  // namespace holdfast::ha
