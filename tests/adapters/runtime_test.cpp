#include "net/runtime.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/asio_task.hpp"
#include "net/descriptor.hpp"

namespace holdfast::net {
namespace {

using base::Task;
using namespace std::chrono_literals;

TEST(Runtime, SleepsOnBootTimeInOrder) {
  Runtime runtime;
  auto& clock = runtime.clock();
  const auto start = clock.now();
  std::string order;
  auto sleep = [&](char name, base::Duration how_long) -> Task<void> {
    co_await clock.sleep_until(start + how_long);
    EXPECT_GE(clock.now(), start + how_long);
    order += name;
  };
  base::TaskGroup group(runtime.executor());
  group.spawn(sleep('c', 30ms));
  group.spawn(sleep('a', 10ms));
  group.spawn(sleep('b', 20ms));
  group.spawn(sleep('0', -1s));
  runtime.run_task(clock.sleep_until(start + 50ms));
  EXPECT_EQ(order, "0abc");
}

TEST(Runtime, ADestroyedSleepNeverWakes) {
  Runtime runtime;
  auto& clock = runtime.clock();
  bool woke = false;
  auto sleep = [&]() -> Task<void> {
    co_await clock.sleep_until(clock.now() + 10ms);
    woke = true;
  };
  base::TaskGroup group(runtime.executor());
  auto token = group.spawn_with_token(sleep());
  runtime.run_task(clock.sleep_until(clock.now() + 1ms));
  token.cancel();
  runtime.run_task(clock.sleep_until(clock.now() + 30ms));
  EXPECT_FALSE(woke);
}

TEST(Runtime, CallsBackOnASignal) {
  Runtime runtime;
  int hangups = 0;
  runtime.on_signal(SIGHUP, [&] {
    if (++hangups == 2)
      runtime.stop();
    else
      raise(SIGHUP);
  });
  raise(SIGHUP);
  runtime.run();
  EXPECT_EQ(hangups, 2);
}

boost::asio::awaitable<int> answer_after(std::shared_ptr<bool> ended, std::chrono::milliseconds how_long) {
  struct AtEnd {
    std::shared_ptr<bool> flag;
    ~AtEnd() { *flag = true; }
  } at_end{std::move(ended)};
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, how_long);
  co_await timer.async_wait(boost::asio::use_awaitable);
  co_return 42;
}

TEST(AsioTask, ReturnsTheResult) {
  Runtime runtime;
  EXPECT_EQ(runtime.run_task(as_task(runtime, answer_after(std::make_shared<bool>(), 1ms))), 42);
}

TEST(AsioTask, DestroyingTheTaskCancelsTheCoroutineSoon) {
  Runtime runtime;
  auto& clock = runtime.clock();
  auto ended = std::make_shared<bool>(false);
  const auto start = clock.now();
  const auto result =
      runtime.run_task(ports::until(clock, start + 5ms, as_task(runtime, answer_after(ended, 1h))));
  EXPECT_FALSE(result.has_value());
  runtime.run_task(clock.sleep_until(clock.now() + 1ms));
  EXPECT_TRUE(*ended);
  EXPECT_LT(clock.now() - start, 1s);
}

TEST(AsioTask, ThrowsWhatTheCoroutineThrows) {
  Runtime runtime;
  auto fails = []() -> boost::asio::awaitable<int> {
    throw std::runtime_error("broken");
    co_return 1;
  };
  auto caught = [&]() -> Task<bool> {
    try {
      co_await as_task(runtime, fails());
    } catch (const std::runtime_error&) {
      co_return true;
    }
    co_return false;
  };
  EXPECT_TRUE(runtime.run_task(caught()));
}

TEST(Descriptor, TellsWhenDataIsThere) {
  Runtime runtime;
  auto& clock = runtime.clock();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    Descriptor reading(runtime, ends[0]);
    auto wait = [&](base::Duration how_long) -> Task<bool> {
      co_return co_await base::first_ends_first(runtime.executor(), reading.readable(),
                                                clock.sleep_until(clock.now() + how_long));
    };
    EXPECT_FALSE(runtime.run_task(wait(10ms)));
    ASSERT_EQ(write(ends[1], "x", 1), 1);
    EXPECT_TRUE(runtime.run_task(wait(10s)));
  }
  EXPECT_EQ(close(ends[0]), 0);  // it was not ours to close
  close(ends[1]);
}

}  // namespace
}  // namespace holdfast::net
