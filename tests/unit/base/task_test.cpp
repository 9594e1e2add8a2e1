#include "base/task.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/event.hpp"
#include "base/task_group.hpp"

namespace holdfast::base {
namespace {

class ManualExecutor final : public Executor {
  void wake() override {}
};

// Notes its own end, as a lock or a file descriptor would.
struct Guard {
  std::vector<std::string>& ended;
  std::string name;
  ~Guard() { ended.push_back(name); }
};

struct TaskTest : testing::Test {
  ManualExecutor executor;
  std::vector<std::string> ended;
  std::vector<std::string> said;

  Task<int> wait_and_answer(Event& event, int answer, std::string name) {
    Guard guard{ended, std::move(name)};
    co_await event.wait();
    co_return answer;
  }

  Task<void> say_sum(Event& event) {
    Guard guard{ended, "outer"};
    const int a = co_await wait_and_answer(event, 1, "inner");
    const int b = co_await wait_and_answer(event, 2, "inner");
    said.push_back(std::to_string(a + b));
  }
};

TEST_F(TaskTest, StartsOnlyWhenAwaited) {
  Event event(executor);
  event.set();
  {
    auto never = wait_and_answer(event, 1, "never started");
  }
  EXPECT_TRUE(ended.empty());
}

TEST_F(TaskTest, GoesOnWhenItsEventIsSet) {
  Event event(executor);
  TaskGroup group(executor);
  group.spawn(say_sum(event));
  executor.run_ready();
  EXPECT_TRUE(said.empty());
  event.set();
  executor.run_ready();
  EXPECT_EQ(said, std::vector<std::string>{"3"});
  EXPECT_TRUE(group.empty());
}

TEST_F(TaskTest, DestroyingItEndsAllItAwaits) {
  Event event(executor);
  {
    TaskGroup group(executor);
    group.spawn(say_sum(event));
    executor.run_ready();
  }
  EXPECT_EQ(ended, (std::vector<std::string>{"inner", "outer"}));
  event.set();
  executor.run_ready();
  EXPECT_TRUE(said.empty());
}

TEST_F(TaskTest, IsNotResumedWhenItIsDestroyedBetweenWakingAndRunning) {
  Event event(executor);
  TaskGroup group(executor);
  auto token = group.spawn_with_token(say_sum(event));
  executor.run_ready();
  event.set();  // queued, not run yet
  token.cancel();
  executor.run_ready();
  EXPECT_TRUE(said.empty());
  EXPECT_FALSE(token.running());
}

TEST_F(TaskTest, ExceptionsReachWhoAwaits) {
  auto thrower = []() -> Task<int> {
    throw std::runtime_error("broken");
    co_return 0;
  };
  auto catcher = [&](Task<int> work) -> Task<void> {
    try {
      co_await std::move(work);
    } catch (const std::runtime_error& error) {
      said.emplace_back(error.what());
    }
  };
  TaskGroup group(executor);
  group.spawn(catcher(thrower()));
  executor.run_ready();
  EXPECT_EQ(said, std::vector<std::string>{"broken"});
}

TEST_F(TaskTest, FirstEndsFirstDestroysTheOther) {
  Event never(executor), event(executor);
  auto wait = [](Event& what) -> Task<void> { co_await what.wait(); };
  auto race = [&]() -> Task<void> {
    Guard guard{ended, "race"};
    const bool first = co_await first_ends_first(executor, wait(never), wait(event));
    said.emplace_back(first ? "first" : "second");
  };
  TaskGroup group(executor);
  group.spawn(race());
  executor.run_ready();
  event.set();
  executor.run_ready();
  EXPECT_EQ(said, std::vector<std::string>{"second"});
  never.set();
  executor.run_ready();  // nobody waits for it any more
}

TEST_F(TaskTest, AllOfReturnsResultsInOrderOfTasks) {
  Event first(executor), second(executor);
  auto gather = [&]() -> Task<void> {
    std::vector<Task<int>> tasks;
    tasks.push_back(wait_and_answer(first, 1, "a"));
    tasks.push_back(wait_and_answer(second, 2, "b"));
    for (const int answer : co_await all_of(executor, std::move(tasks)))
      said.push_back(std::to_string(answer));
  };
  TaskGroup group(executor);
  group.spawn(gather());
  executor.run_ready();
  second.set();
  executor.run_ready();
  first.set();
  executor.run_ready();
  EXPECT_EQ(said, (std::vector<std::string>{"1", "2"}));
}

TEST_F(TaskTest, AllOfNothingReturnsAtOnce) {
  auto gather = [&]() -> Task<void> {
    const auto answers = co_await all_of(executor, std::vector<Task<int>>());
    said.push_back(std::to_string(answers.size()));
  };
  TaskGroup group(executor);
  group.spawn(gather());
  executor.run_ready();
  EXPECT_EQ(said, std::vector<std::string>{"0"});
}

TEST_F(TaskTest, BothWaitsForBoth) {
  Event event(executor), other(executor);
  auto gather = [&]() -> Task<void> {
    const auto [a, b] =
        co_await both(executor, wait_and_answer(event, 4, "a"), wait_and_answer(other, 5, "b"));
    said.push_back(std::to_string(a * b));
  };
  TaskGroup group(executor);
  group.spawn(gather());
  executor.run_ready();
  event.set();
  executor.run_ready();
  EXPECT_TRUE(said.empty());
  other.set();
  executor.run_ready();
  EXPECT_EQ(said, std::vector<std::string>{"20"});
}

TEST_F(TaskTest, ATaskMaySpawnIntoItsOwnGroup) {
  TaskGroup group(executor);
  auto leaf = [&]() -> Task<void> {
    said.emplace_back("leaf");
    co_return;
  };
  auto root = [&]() -> Task<void> {
    group.spawn(leaf());
    said.emplace_back("root");
    co_return;
  };
  group.spawn(root());
  executor.run_ready();
  EXPECT_EQ(said, (std::vector<std::string>{"root", "leaf"}));
  EXPECT_TRUE(group.empty());
}

}  // namespace
}  // namespace holdfast::base
