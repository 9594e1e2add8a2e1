// A timer that ends this host when nobody feeds it any more: the kernel's /dev/watchdog, or what stands for
// it. https://docs.kernel.org/watchdog/watchdog-api.html
//
// Calls are quick and never wait. No error here says anything of PostgreSQL.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::ports {

class Watchdog {
 public:
  virtual ~Watchdog() = default;

  // Whether there is a device that we may write to, as far as can be told without starting it.
  virtual bool usable() const = 0;
  // Starts it, or changes the timeout of one that runs; the time counts from now. The result is the timeout
  // in effect, which may be another than asked for. unreachable: no such device, or not ours to open; failed:
  // it does not do as told. After an error it does not run, unless it cannot be stopped.
  virtual base::Result<base::Duration> arm(base::Duration timeout) = 0;
  // The time counts from now again.
  virtual base::Result<void> keep_alive() = 0;
  // Stops it. failed: it goes on, and will end the host (a device that cannot be stopped).
  virtual base::Result<void> disarm() = 0;

  // Another configuration, from the next arm() on. Only while it does not run.
  virtual void reload(const patroni::WatchdogConfig& config) = 0;
};

}  // namespace holdfast::ports
