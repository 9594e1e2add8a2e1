// The event loop of one agent process: executor and clock in virtual time. It ends with the process.
#pragma once

#include "base/event.hpp"
#include "ports/clock.hpp"
#include "sim/scheduler.hpp"

namespace holdfast::sim {

// What a host takes for the time. Its boot clock begins somewhere and drifts, but never jumps; its calendar
// may jump.
struct HostClock {
  Moment booted{};
  base::Instant origin{};  // what the boot clock said then
  std::int64_t drift_ppm = 0;
  Duration calendar_error{};

  base::Instant local(Moment when) const;
  Moment moment(base::Instant local) const;  // the first at which the boot clock says so
  base::WallTime calendar(Moment when) const;
};

class Loop final : public base::Executor, public ports::Clock {
 public:
  Loop(Scheduler& time, Gate& gate, const HostClock& host) : time_(time), gate_(gate), host_(host) {}

  base::Instant now() const override { return host_.local(time_.now()); }
  base::WallTime wall_time() const override { return host_.calendar(time_.now()); }
  base::Task<void> sleep_until(base::Instant when) override;
  base::Task<void> sleep(Duration time) { return sleep_until(now() + time); }
  base::Executor& executor() override { return *this; }

  // Calls `what` when the host's clock says `when`.
  [[nodiscard]] Timer at(base::Instant when, Callback what) {
    return time_.at(host_.moment(when), std::move(what), &gate_);
  }

 private:
  void wake() override;

  Scheduler& time_;
  Gate& gate_;
  const HostClock& host_;
  Timer running_;
};

}  // namespace holdfast::sim
