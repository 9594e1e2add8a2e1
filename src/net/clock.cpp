#include "net/clock.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/set.hpp>
#include <cerrno>
#include <ctime>
#include <sys/timerfd.h>
#include <system_error>
#include <unistd.h>

#include "base/assert.hpp"

namespace holdfast::net {
namespace {

base::Instant boot_time() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return base::Instant(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

int new_timer() {
  const int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  return fd;
}

// One waiting coroutine. Destroying it while it waits takes it out of the set.
struct Sleeper : boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  base::Instant wake_at;
  base::CoroutineResumption resumption;

  friend bool operator<(const Sleeper& a, const Sleeper& b) { return a.wake_at < b.wake_at; }
};

}  // namespace

// Shared with the handler that waits for the timer, which ends a little after the clock.
class BootTimeClock::Sleepers : public std::enable_shared_from_this<Sleepers> {
 public:
  Sleepers(boost::asio::io_context& io, base::Executor& executor)
      : executor_(executor), timer_(io, new_timer()) {}

  void add(Sleeper& sleeper) {
    const auto place = waiting_.insert(sleeper);
    if (place == waiting_.begin()) arm();
  }

  void wait_for_timer() {
    timer_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](boost::system::error_code error) {
                        if (!error) self->timer_fired();
                      });
  }

  void close() {
    boost::system::error_code ignored;
    timer_.close(ignored);
  }

 private:
  void timer_fired() {
    std::uint64_t expirations = 0;
    [[maybe_unused]] const auto got = ::read(timer_.native_handle(), &expirations, sizeof expirations);
    const auto now = boot_time();
    while (!waiting_.empty() && waiting_.begin()->wake_at <= now) {
      auto& sleeper = *waiting_.begin();
      waiting_.erase(waiting_.begin());
      executor_.post(sleeper.resumption);
    }
    if (!waiting_.empty()) arm();
    wait_for_timer();
  }

  void arm() {
    const auto at = waiting_.begin()->wake_at.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at);
    itimerspec when{};
    when.it_value.tv_sec = seconds.count();
    when.it_value.tv_nsec = (at - seconds).count();
    const int failed = timerfd_settime(timer_.native_handle(), TFD_TIMER_ABSTIME, &when, nullptr);
    HOLDFAST_ASSERT(failed == 0, "a timer was set to a time that the kernel does not take");
  }

  base::Executor& executor_;
  boost::asio::posix::stream_descriptor timer_;
  boost::intrusive::multiset<Sleeper, boost::intrusive::constant_time_size<false>> waiting_;

  friend class BootTimeClock;
};

BootTimeClock::BootTimeClock(boost::asio::io_context& io, base::Executor& executor)
    : executor_(executor), sleepers_(std::make_shared<Sleepers>(io, executor)) {
  sleepers_->wait_for_timer();
}

BootTimeClock::~BootTimeClock() { sleepers_->close(); }

base::Instant BootTimeClock::now() const { return boot_time(); }

base::WallTime BootTimeClock::wall_time() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

base::Task<void> BootTimeClock::sleep_until(base::Instant when) {
  struct Awaiter {
    Sleepers& sleepers;
    Sleeper sleeper;

    bool await_ready() const { return sleeper.wake_at <= boot_time(); }
    void await_suspend(std::coroutine_handle<> waiting) {
      sleeper.resumption.set(waiting);
      sleepers.add(sleeper);
    }
    void await_resume() const noexcept {}
  };
  Awaiter awaiter{*sleepers_, {}};
  awaiter.sleeper.wake_at = when;
  co_await awaiter;
}

}  // namespace holdfast::net
