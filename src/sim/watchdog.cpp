#include "sim/watchdog.hpp"

namespace holdfast::sim {

base::Result<Duration> Watchdog::arm(Duration timeout) {
  if (!host_.watchdog.present)
    return base::fail(base::ErrorKind::unreachable, "{} has no watchdog", host_.name);
  host_.watchdog.timeout = timeout;
  count_down();
  return timeout;
}

base::Result<void> Watchdog::keep_alive() {
  if (!host_.watchdog.fires.pending())
    return base::fail(base::ErrorKind::failed, "the watchdog does not run");
  count_down();
  return {};
}

base::Result<void> Watchdog::disarm() {
  host_.watchdog.fires.cancel();
  return {};
}

void Watchdog::count_down() {
  host_.watchdog.fires =
      site_.physics.time.after(host_.watchdog.timeout, [host = &host_] { host->watchdog.reset(); });
}

}  // namespace holdfast::sim
