// A value that arrives at a coroutine from outside of its loop.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "sim/loop.hpp"

namespace holdfast::sim {

// The waiting coroutine owns it; whoever answers holds a weak pointer and may find nobody waiting any more.
template <class T>
class Reply {
 public:
  explicit Reply(Loop& loop) : loop_(loop), arrived_(loop) {}

  void set(T value) {
    if (value_) return;
    value_.emplace(std::move(value));
    arrived_.set();
  }

  // Nothing when it has not arrived by the deadline.
  static base::Task<std::optional<T>> wait(std::shared_ptr<Reply> reply, base::Instant deadline) {
    const auto timer = reply->loop_.at(deadline, [weak = std::weak_ptr(reply)] {
      if (const auto waiting = weak.lock()) waiting->arrived_.set();
    });
    co_await reply->arrived_.wait();
    co_return std::move(reply->value_);
  }

 private:
  Loop& loop_;
  base::Event arrived_;
  std::optional<T> value_;
};

}  // namespace holdfast::sim
