// When the watchdog device must run, and with which timeout.
// https://patroni.readthedocs.io/en/latest/watchdog.html
#pragma once

#include <optional>
#include <string>

#include "ha/situation.hpp"

namespace holdfast::ha {

// The lease's ttl less safety_margin, or half of it: the host ends before another node can lead.
base::Duration wanted_watchdog_timeout(const Situation& situation);

// A primary runs here by our right, or is about to.
bool needs_watchdog(const Situation& situation);

// Why the device cannot guard this node, whatever it is told; nothing when it can, as far as is known.
std::optional<std::string> watchdog_obstacle(const Situation& situation);

// This node may lead only with a watchdog, and there is none.
bool watchdog_failed(const Situation& situation);

// A device that refuses is tried once more, and then given up for a while: the node does not lead meanwhile.
inline constexpr int kWatchdogAttempts = 2;
inline constexpr base::Duration kWatchdogRetry = std::chrono::seconds(10);

// When an armed and unfed device would end this host, less the time to end PostgreSQL and to stop the device.
std::optional<base::Instant> watchdog_limit(const Watchdog& watchdog);

void fold_watchdog_armed(LocalState& local, base::Duration asked_for, base::Duration timeout,
                         base::Instant at);
void fold_watchdog_failure(LocalState& local, base::Duration asked_for, std::string why, base::Instant at);

}  // namespace holdfast::ha
