// Virtual time: a queue of what will happen, in order of time and then of having been asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <vector>

#include "base/time.hpp"

namespace holdfast::sim {

using base::Duration;
using namespace std::chrono_literals;

// True time, which nobody inside of the simulation can read: every host has a clock of its own that drifts.
struct TrueTime {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<TrueTime, Duration>;
  static constexpr bool is_steady = true;
};
using Moment = TrueTime::time_point;

using Callback = std::move_only_function<void()>;

// Something that will happen unless its Timer is destroyed before.
class Timer {
 public:
  Timer() = default;
  Timer(Timer&&) noexcept = default;
  Timer& operator=(Timer&& other) noexcept {
    cancel();
    slot_ = std::move(other.slot_);
    return *this;
  }
  ~Timer() { cancel(); }

  void cancel() {
    if (slot_) *slot_ = nullptr;
    slot_.reset();
  }
  bool pending() const { return slot_ && *slot_; }

 private:
  friend class Scheduler;
  explicit Timer(std::shared_ptr<Callback> slot) : slot_(std::move(slot)) {}
  std::shared_ptr<Callback> slot_;
};

class Scheduler;

// Whether some processes run. What a frozen process should have done by now, it does when it is thawed: its
// timers are late, and what the network brought waits in the kernel. Must outlive everything that goes
// through it.
class Gate {
 public:
  explicit Gate(Scheduler& time) : time_(time) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // More than one may hold it frozen: a frozen process on a frozen host.
  void freeze() { ++holders_; }
  void thaw();
  bool frozen() const { return holders_ > 0; }

  void run(Callback what);  // now, or when thawed

 private:
  friend class Scheduler;
  Scheduler& time_;
  int holders_ = 0;
  std::vector<std::shared_ptr<Callback>> waiting_;
};

class Scheduler {
 public:
  Moment now() const { return now_; }

  [[nodiscard]] Timer at(Moment when, Callback what, Gate* gate = nullptr);
  [[nodiscard]] Timer after(Duration delay, Callback what, Gate* gate = nullptr) {
    return at(now_ + delay, std::move(what), gate);
  }
  // Will happen, whatever becomes of who asked for it: `what` must hold on to nothing that can go away.
  void surely_after(Duration delay, Callback what, Gate* gate = nullptr);

  // Lets the next thing happen if it is due by `limit`; otherwise it becomes `limit` and nothing happened.
  bool run_one(Moment limit);
  void run_until(Moment limit) {
    while (run_one(limit)) {
    }
  }

  std::uint64_t events() const { return events_; }

 private:
  friend class Gate;
  struct Entry {
    Moment when;
    std::uint64_t order;
    std::shared_ptr<Callback> what;
    Gate* gate;
    bool operator>(const Entry& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };

  std::shared_ptr<Callback> add(Moment when, Callback what, Gate* gate);

  Moment now_{};
  std::uint64_t asked_ = 0;
  std::uint64_t events_ = 0;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

}  // namespace holdfast::sim
