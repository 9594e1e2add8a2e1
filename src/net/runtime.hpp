// The event loop of one thread: everything that waits on a node waits here. A light header on purpose; who
// talks to Asio includes net/asio_task.hpp in a .cpp file.
//
//   net::Runtime runtime;
//   base::TaskGroup tasks(runtime.executor());
//   runtime.on_signal(SIGTERM, [&] { stop_requested.set(); });
//   tasks.spawn(agent.run());
//   runtime.run();
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "base/executor.hpp"
#include "base/task.hpp"
#include "base/task_group.hpp"
#include "ports/clock.hpp"

namespace boost::asio {
class io_context;
}

namespace holdfast::net {

// Must outlive all that was made with it, and every Task that awaits through it.
class Runtime {
 public:
  Runtime();
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  base::Executor& executor();
  ports::Clock& clock();  // CLOCK_BOOTTIME; see net/clock.hpp
  boost::asio::io_context& io();

  // Serves the loop until stop(). May be called again afterwards.
  void run();
  // Makes run() return after the work at hand. Callable from tasks and signal callbacks, not from other
  // threads.
  void stop();

  // Calls `callback` from the loop whenever the process gets `signal`, instead of the default action. One
  // callback for each signal; another call replaces it. Only one Runtime of a process should ask for a
  // signal.
  void on_signal(int signal, std::function<void()> callback);

  // Serves the loop until `task` has ended, and returns its result: for programs that do one thing, and
  // tests.
  template <class T>
  T run_task(base::Task<T> task);
  void run_task(base::Task<void> task);

 private:
  template <class T>
  static base::Task<void> keep(base::Task<T> task, std::optional<T>& into) {
    into.emplace(co_await std::move(task));
  }

  struct Loop;
  std::unique_ptr<Loop> loop_;
};

template <class T>
T Runtime::run_task(base::Task<T> task) {
  std::optional<T> result;
  run_task(keep(std::move(task), result));
  HOLDFAST_ASSERT(result.has_value(), "the loop was stopped before the task it was run for had ended");
  return std::move(*result);
}

}  // namespace holdfast::net
