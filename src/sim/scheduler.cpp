#include "sim/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::sim {

void Gate::thaw() {
  if (--holders_ > 0) return;
  for (auto& what : std::exchange(waiting_, {})) {
    if (*what) time_.queue_.push({time_.now_, time_.asked_++, std::move(what), this});
  }
}

void Gate::run(Callback what) {
  if (frozen()) {
    waiting_.push_back(std::make_shared<Callback>(std::move(what)));
  } else {
    what();
  }
}

std::shared_ptr<Callback> Scheduler::add(Moment when, Callback what, Gate* gate) {
  auto slot = std::make_shared<Callback>(std::move(what));
  queue_.push({std::max(when, now_), asked_++, slot, gate});
  return slot;
}

Timer Scheduler::at(Moment when, Callback what, Gate* gate) {
  return Timer(add(when, std::move(what), gate));
}

void Scheduler::surely_after(Duration delay, Callback what, Gate* gate) {
  add(now_ + delay, std::move(what), gate);
}

bool Scheduler::run_one(Moment limit) {
  while (!queue_.empty() && queue_.top().when <= limit) {
    const auto entry = queue_.top();
    queue_.pop();
    if (!*entry.what) continue;  // cancelled
    now_ = entry.when;
    if (entry.gate != nullptr && entry.gate->frozen()) {
      entry.gate->waiting_.push_back(entry.what);
      continue;
    }
    ++events_;
    auto what = std::exchange(*entry.what, nullptr);
    what();
    return true;
  }
  now_ = std::max(now_, limit);
  return false;
}

}  // namespace holdfast::sim
