// One thread for what would block the event loop: syncing files, removing trees, searching /proc.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/executor.hpp"
#include "base/task.hpp"
#include "net/runtime.hpp"

namespace holdfast::system {

// Runs functions one after the other, in the order they were asked for, so that a later write of a file never
// loses against an earlier one. Must be destroyed before the runtime; its destructor finishes what was begun.
class Worker {
 public:
  explicit Worker(net::Runtime& runtime);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Returns what `work` returns. Destroying the task gives up waiting; `work` still runs to its end.
  // Therefore it must own all that it touches, and must not throw.
  template <class Work>
  base::Task<std::invoke_result_t<Work>> run(Work work) {
    using Value = std::invoke_result_t<Work>;
    const auto value = std::make_shared<std::optional<Value>>();
    Call call(*this, [value, work = std::move(work)]() mutable { value->emplace(work()); });
    co_await call;
    co_return std::move(**value);
  }

  // For what nobody waits for.
  void run_later(std::function<void()> work);

 private:
  struct Job;
  struct Shared;

  class Call {
   public:
    Call(Worker& worker, std::function<void()> work) : worker_(worker), work_(std::move(work)) {}
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call();
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller);
    void await_resume() const noexcept {}

   private:
    Worker& worker_;
    std::function<void()> work_;
    std::shared_ptr<Job> job_;
    base::CoroutineResumption resumption_;
  };

  void add(std::shared_ptr<Job> job);

  net::Runtime& runtime_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace holdfast::system
