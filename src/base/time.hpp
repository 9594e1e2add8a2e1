// Time as types. Two clocks that never mix: Instant decides, WallTime is shown to people.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace holdfast::base {

using Duration = std::chrono::nanoseconds;

// The clock of all deadlines: CLOCK_BOOTTIME, which no clock step moves and which counts suspended time.
// It has no now(): only ports::Clock can be asked, so the simulator owns time.
struct BootClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock, Duration>;
  static constexpr bool is_steady = true;
};
using Instant = BootClock::time_point;

// Calendar time in UTC, microseconds as in PostgreSQL.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

using namespace std::chrono_literals;

// "1.5 s", "230 ms", "12 min": for reasons and messages, two significant digits or so.
std::string to_string(Duration duration);

// "2026-11-23T15:50:59.172717+00:00", Python's isoformat as Patroni writes it (no fraction when it is zero).
std::string to_iso8601(WallTime time);

// "2026-11-23 15:50:49.937588+00:00", Python's str(datetime).
std::string to_python_text(WallTime time);

}  // namespace holdfast::base
