// as_task(): a Boost.Asio coroutine, awaited by one of ours. Heavy; include it in .cpp files of adapters
// only.
//
//   co_await as_task(runtime, read_some(connection));   // asio::awaitable<std::size_t>
//   read_some(shared_ptr<...>)
//
// Destroying the Task cancels the Asio coroutine (terminal cancellation: its pending operation ends with
// operation_aborted) and drops its result. But Asio ends it a little LATER, from the loop. Therefore the
// awaitable must own all that it touches, by value or shared_ptr: never `this`, a reference, or a buffer that
// lives in the awaiting frame. Exceptions it throws come out of the Task.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/executor.hpp"
#include "base/task.hpp"
#include "net/runtime.hpp"

namespace holdfast::net {

namespace detail {

template <class T>
class AsioCall {
 public:
  AsioCall(Runtime& runtime, boost::asio::awaitable<T> work) : runtime_(runtime), work_(std::move(work)) {}
  AsioCall(const AsioCall&) = delete;
  AsioCall& operator=(const AsioCall&) = delete;
  ~AsioCall() {
    const auto outcome = std::move(outcome_);
    if (!outcome || outcome->ended) return;
    outcome->waiting = nullptr;
    outcome->cancel.emit(boost::asio::cancellation_type::terminal);
    // Outside run(), co_spawn puts the cancellation in the loop's queue, with a bare pointer into `outcome`.
    // What is posted after it keeps that alive.
    boost::asio::post(runtime_.io(), [outcome] {});
  }

  bool await_ready() const noexcept { return false; }

  void await_suspend(std::coroutine_handle<> caller) {
    resumption_.set(caller);
    outcome_ = std::make_shared<Outcome>(&runtime_.executor(), &resumption_);
    boost::asio::co_spawn(runtime_.io(), std::move(work_),
                          boost::asio::bind_cancellation_slot(outcome_->cancel.slot(), Finished{outcome_}));
  }

  T await_resume() {
    if (outcome_->error) std::rethrow_exception(outcome_->error);
    if constexpr (!std::is_void_v<T>) return std::move(*outcome_->value);
  }

 private:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  struct Outcome {
    Outcome(base::Executor* loop, base::Resumption* waiter) : executor(loop), waiting(waiter) {}
    base::Executor* executor;
    base::Resumption* waiting;  // null once nobody waits any more
    bool ended = false;
    std::exception_ptr error;
    std::optional<Value> value;
    boost::asio::cancellation_signal cancel;

    void end() {
      ended = true;
      if (waiting != nullptr) executor->post(*waiting);
    }
  };

  struct Finished {
    std::shared_ptr<Outcome> outcome;

    void operator()(std::exception_ptr error) {
      outcome->error = std::move(error);
      outcome->end();
    }
    template <class U>
    void operator()(std::exception_ptr error, U value) {
      outcome->error = std::move(error);
      outcome->value.emplace(std::move(value));
      outcome->end();
    }
  };

  Runtime& runtime_;
  boost::asio::awaitable<T> work_;
  base::CoroutineResumption resumption_;
  std::shared_ptr<Outcome> outcome_;
};

}  // namespace detail

template <class T>
base::Task<T> as_task(Runtime& runtime, boost::asio::awaitable<T> work) {
  detail::AsioCall<T> call(runtime, std::move(work));
  co_return co_await call;
}

}  // namespace holdfast::net
