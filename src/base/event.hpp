// Event: a flag that coroutines wait for.
#pragma once

#include <boost/intrusive/list.hpp>

#include "base/executor.hpp"

namespace holdfast::base {

// set() wakes all that wait and lets later waits through until clear(). Must outlive its waiters, or be
// destroyed together with them.
class Event {
 public:
  explicit Event(Executor& executor) : executor_(executor) {}

  void set() {
    set_ = true;
    while (!waiters_.empty()) {
      auto& waiter = waiters_.front();
      waiters_.pop_front();
      executor_.post(waiter.resumption);
    }
  }
  void clear() { set_ = false; }
  bool is_set() const { return set_; }

  auto wait() { return Awaiter(*this); }

 private:
  struct Awaiter
      : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    explicit Awaiter(Event& owner) : event(owner) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;

    bool await_ready() const noexcept { return event.set_; }
    void await_suspend(std::coroutine_handle<> waiting) {
      resumption.set(waiting);
      event.waiters_.push_back(*this);
    }
    void await_resume() const noexcept {}

    Event& event;
    CoroutineResumption resumption;
  };

  Executor& executor_;
  bool set_ = false;
  boost::intrusive::list<Awaiter, boost::intrusive::constant_time_size<false>> waiters_;
};

}  // namespace holdfast::base
