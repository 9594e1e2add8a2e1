// ports::Watchdog on a watchdog device of Linux, or on a named pipe for tests.
#pragma once

#include <memory>
#include <string>

#include "patroni/node_config.hpp"
#include "ports/watchdog.hpp"

namespace holdfast::system {

// Drivers:
//   default   the device is the kernel's: timeouts by ioctl, WDIOC_SETTIMEOUT and WDIOC_GETTIMEOUT; any write
//   feeds
//             it; 'V' before the close stops it ("magic close"), where the driver can be stopped at all
//   testing   the device is a named pipe that somebody reads: "Ctimeout=<seconds>\n" when the timeout is set,
//   "1" to
//             feed, "V" before the close
// An unknown driver has no usable device, as for Patroni.
std::unique_ptr<ports::Watchdog> make_watchdog(const patroni::WatchdogConfig& config);

}  // namespace holdfast::system
