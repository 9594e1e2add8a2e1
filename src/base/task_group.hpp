// TaskGroup: tasks that run beside their owner and end with it. Also first_of and all_of.
#pragma once

#include <algorithm>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/event.hpp"
#include "base/executor.hpp"
#include "base/task.hpp"

namespace holdfast::base {

namespace detail {

// One task of a group, with what is needed to notice its end.
class GroupChild {
 public:
  using Siblings = std::list<std::shared_ptr<GroupChild>>;

  GroupChild(Executor& executor, Siblings& siblings) : executor_(executor), reaper_(*this, siblings) {}

  void start(Task<void> work) {
    driver_.emplace(drive(*this, std::move(work)));
    executor_.post(driver_->start);
  }
  void cancel() { driver_.reset(); }
  bool running() const { return driver_.has_value() && !reaper_.is_linked(); }

 private:
  // A frame that owns nothing but its awaiting of the task.
  struct Driver {
    struct promise_type {
      Driver get_return_object() { return Driver(std::coroutine_handle<promise_type>::from_promise(*this)); }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      std::suspend_always final_suspend() const noexcept { return {}; }
      void return_void() {}
      void unhandled_exception() { throw; }  // a task that throws is a bug: let the program end
    };
    explicit Driver(std::coroutine_handle<promise_type> frame) : handle(frame), start(frame) {}
    Driver(Driver&& other) noexcept : handle(std::exchange(other.handle, nullptr)), start(handle) {}
    Driver& operator=(Driver&&) = delete;
    ~Driver() {
      if (handle) handle.destroy();
    }
    std::coroutine_handle<promise_type> handle;
    CoroutineResumption start;
  };

  // Forgets the ended task from the queue, where none of its frames is on the stack.
  class Reaper final : public Resumption {
   public:
    Reaper(GroupChild& child, Siblings& siblings) : child_(child), siblings_(siblings) {}

   private:
    void resume() override {
      siblings_.remove_if(
          [this](const auto& sibling) { return sibling.get() == &child_; });  // ends *this too
    }
    GroupChild& child_;
    Siblings& siblings_;
  };

  static Driver drive(GroupChild& child, Task<void> work) {
    co_await std::move(work);
    child.executor_.post(child.reaper_);
  }

  Executor& executor_;
  Reaper reaper_;
  std::optional<Driver> driver_;
};

}  // namespace detail

// Destroying the group destroys (cancels) every task in it. A task that ends is forgotten.
// A task may spawn further tasks into its own group, but must not destroy the group.
class TaskGroup {
 public:
  // Cancels one task: destroying the token, or assigning another, destroys the task if it still runs.
  class Token {
   public:
    Token() = default;
    Token(Token&& other) noexcept : child_(std::exchange(other.child_, {})) {}
    Token& operator=(Token&& other) noexcept {
      cancel();
      child_ = std::exchange(other.child_, {});
      return *this;
    }
    ~Token() { cancel(); }
    // Must not be called from inside the task itself.
    void cancel() {
      if (const auto child = child_.lock()) child->cancel();
      child_.reset();
    }
    bool running() const {
      const auto child = child_.lock();
      return child && child->running();
    }

   private:
    friend class TaskGroup;
    explicit Token(std::weak_ptr<detail::GroupChild> child) : child_(std::move(child)) {}
    std::weak_ptr<detail::GroupChild> child_;
  };

  explicit TaskGroup(Executor& executor) : executor_(executor) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup() { cancel_all(); }

  // Starts `task` from the executor's queue, not from inside this call.
  void spawn(Task<void> task) { start(std::move(task)); }
  [[nodiscard]] Token spawn_with_token(Task<void> task) { return Token(start(std::move(task))); }

  void cancel_all() {
    for (const auto& child : children_) child->cancel();
    children_.clear();
  }
  bool empty() const {
    return std::ranges::none_of(children_, [](const auto& child) { return child->running(); });
  }

 private:
  std::shared_ptr<detail::GroupChild> start(Task<void> task) {
    std::erase_if(children_, [](const auto& child) { return !child->running(); });
    auto child = std::make_shared<detail::GroupChild>(executor_, children_);
    children_.push_back(child);
    child->start(std::move(task));
    return child;
  }

  Executor& executor_;
  detail::GroupChild::Siblings children_;
};

// Runs all tasks at once and returns when all have ended, results in order.
template <class T>
Task<std::vector<T>> all_of(Executor& executor, std::vector<Task<T>> tasks) {
  std::vector<std::optional<T>> results(tasks.size());
  Event done(executor);
  std::size_t left = tasks.size();
  TaskGroup group(executor);
  auto run = [&](Task<T> task, std::optional<T>& result) -> Task<void> {
    result.emplace(co_await std::move(task));
    if (--left == 0) done.set();
  };
  for (std::size_t i = 0; i < tasks.size(); ++i) group.spawn(run(std::move(tasks[i]), results[i]));
  if (left > 0) co_await done.wait();
  std::vector<T> values;
  for (auto& result : results) values.push_back(std::move(*result));
  co_return values;
}

// Runs both at once and returns when both have ended.
template <class A, class B>
Task<std::pair<A, B>> both(Executor& executor, Task<A> first, Task<B> second) {
  std::optional<A> a;
  std::optional<B> b;
  Event done(executor);
  auto run = [&]<class T>(Task<T> task, std::optional<T>& result) -> Task<void> {
    result.emplace(co_await std::move(task));
    if (a && b) done.set();
  };
  TaskGroup group(executor);
  group.spawn(run(std::move(first), a));
  group.spawn(run(std::move(second), b));
  co_await done.wait();
  co_return std::pair<A, B>(std::move(*a), std::move(*b));
}

// Runs both; when one ends, the other is destroyed. Says whether the first ended first.
inline Task<bool> first_ends_first(Executor& executor, Task<void> first, Task<void> second) {
  Event done(executor);
  std::optional<bool> winner;
  auto run = [&](Task<void> task, bool is_first) -> Task<void> {
    co_await std::move(task);
    if (!winner) winner = is_first;
    done.set();
  };
  TaskGroup group(executor);
  group.spawn(run(std::move(first), true));
  group.spawn(run(std::move(second), false));
  co_await done.wait();
  co_return *winner;
}

}  // namespace holdfast::base
