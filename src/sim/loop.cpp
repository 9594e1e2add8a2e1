#include "sim/loop.hpp"

#include <algorithm>

namespace holdfast::sim {
namespace {

constexpr Duration kForever = 2h;  // longer than any run
constexpr std::int64_t kMillion = 1'000'000;
constexpr Duration kContextSwitch = 5us;

}  // namespace

base::Instant HostClock::local(Moment when) const {
  const Duration true_time = when - booted;
  return origin + true_time + true_time * drift_ppm / kMillion;
}

Moment HostClock::moment(base::Instant when) const {
  // origin may be any time, so compare before subtracting: `when` is often Instant::max().
  if (when > origin + kForever) return booted + kForever;
  if (when <= origin) return booted;
  const Duration local_time = when - origin;
  return booted + local_time * kMillion / (kMillion + drift_ppm) + 2ns;  // never early by rounding
}

base::WallTime HostClock::calendar(Moment when) const {
  using namespace std::chrono;
  constexpr auto kFirstDay = sys_days{2026y / January / 1};
  return kFirstDay + duration_cast<microseconds>(when.time_since_epoch() + calendar_error);
}

base::Task<void> Loop::sleep_until(base::Instant when) {
  if (when <= now()) co_return;
  base::Event due(*this);
  const auto timer = at(when, [&due] { due.set(); });
  co_await due.wait();
}

void Loop::wake() {
  running_ = time_.after(kContextSwitch, [this] { run_ready(); }, &gate_);
}

}  // namespace holdfast::sim
