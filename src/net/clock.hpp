// ports::Clock on the machine's clocks.
#pragma once

#include <memory>

#include "ports/clock.hpp"

namespace boost::asio {
class io_context;
}

namespace holdfast::net {

// Sleeps on one timerfd of CLOCK_BOOTTIME, not on Asio's timers: those run on CLOCK_MONOTONIC, which stands
// still while the machine is suspended, so that after waking up a lease deadline would be noticed too late.
// https://man7.org/linux/man-pages/man2/timerfd_create.2.html
class BootTimeClock final : public ports::Clock {
 public:
  BootTimeClock(boost::asio::io_context& io, base::Executor& executor);
  ~BootTimeClock() override;

  base::Instant now() const override;
  base::WallTime wall_time() const override;
  base::Task<void> sleep_until(base::Instant when) override;
  base::Executor& executor() override { return executor_; }

 private:
  class Sleepers;
  base::Executor& executor_;
  std::shared_ptr<Sleepers> sleepers_;
};

}  // namespace holdfast::net
