// The queue of work that is ready to go on, one per event loop. Not thread-safe: a loop belongs to one
// thread.
#pragma once

#include <boost/intrusive/list.hpp>
#include <coroutine>

namespace holdfast::base {

// Something that can be resumed later. Destroying it takes it off the queue, which is what makes it safe to
// destroy a suspended coroutine at any await: nothing refers to it any more.
class Resumption
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Resumption() = default;
  Resumption(const Resumption&) = delete;
  Resumption& operator=(const Resumption&) = delete;

 protected:
  ~Resumption() = default;

 private:
  friend class Executor;
  virtual void resume() = 0;
};

class CoroutineResumption final : public Resumption {
 public:
  CoroutineResumption() = default;
  explicit CoroutineResumption(std::coroutine_handle<> handle) : handle_(handle) {}
  void set(std::coroutine_handle<> handle) { handle_ = handle; }

 private:
  void resume() override { handle_.resume(); }
  std::coroutine_handle<> handle_;
};

class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  // Resumes `work` from the loop, after what was posted before. Posting what is already queued does nothing.
  void post(Resumption& work) {
    if (work.is_linked()) return;
    const bool was_empty = ready_.empty();
    ready_.push_back(work);
    if (was_empty) wake();
  }

  // Resumes all that is ready, and all that becomes ready meanwhile. Never called from inside itself.
  void run_ready() {
    while (!ready_.empty()) {
      auto& work = ready_.front();
      ready_.pop_front();
      work.resume();  // may destroy `work`
    }
  }

  bool idle() const { return ready_.empty(); }

 private:
  // Called when the queue gets its first entry; arranges for run_ready().
  virtual void wake() = 0;

  boost::intrusive::list<Resumption, boost::intrusive::constant_time_size<false>> ready_;
};

}  // namespace holdfast::base
