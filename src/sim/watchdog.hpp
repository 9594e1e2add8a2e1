// ports::Watchdog of one agent process: the device of its host, which outlives the process.
#pragma once

#include "ports/watchdog.hpp"
#include "sim/host.hpp"

namespace holdfast::sim {

class Watchdog final : public ports::Watchdog {
 public:
  Watchdog(Site& site, Host& host) : site_(site), host_(host) {}

  bool usable() const override { return host_.watchdog.present; }
  base::Result<Duration> arm(Duration timeout) override;
  base::Result<void> keep_alive() override;
  base::Result<void> disarm() override;
  void reload(const patroni::WatchdogConfig&) override {}  // the host has one device

 private:
  void count_down();

  Site& site_;
  Host& host_;
};

}  // namespace holdfast::sim
