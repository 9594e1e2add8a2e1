// Time and the event loop.
#pragma once

#include <optional>

#include "base/executor.hpp"
#include "base/task.hpp"
#include "base/task_group.hpp"
#include "base/time.hpp"

namespace holdfast::ports {

class Clock {
 public:
  virtual ~Clock() = default;

  virtual base::Instant now() const = 0;         // CLOCK_BOOTTIME
  virtual base::WallTime wall_time() const = 0;  // for people and for schedules only
  // Returns at or soon after `when`; at once if it has passed.
  virtual base::Task<void> sleep_until(base::Instant when) = 0;
  // The loop that everything of this node runs on.
  virtual base::Executor& executor() = 0;
};

// Runs `work` until it ends or `deadline` passes; then it is destroyed and nothing is returned.
template <class T>
base::Task<std::optional<T>> until(Clock& clock, base::Instant deadline, base::Task<T> work) {
  std::optional<T> result;
  auto keep = [](base::Task<T> task, std::optional<T>& into) -> base::Task<void> {
    into.emplace(co_await std::move(task));
  };
  co_await base::first_ends_first(clock.executor(), keep(std::move(work), result),
                                  clock.sleep_until(deadline));
  co_return result;
}

}  // namespace holdfast::ports
