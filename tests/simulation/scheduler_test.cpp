#include "sim/scheduler.hpp"

#include <gtest/gtest.h>
#include <string>

#include "base/random.hpp"
#include "sim/loop.hpp"
#include "sim/network.hpp"

namespace holdfast::sim {
namespace {

TEST(Scheduler, RunsInOrderOfTimeAndThenOfAsking) {
  Scheduler time;
  std::string order;
  time.surely_after(2s, [&] { order += 'c'; });
  time.surely_after(1s, [&] { order += 'a'; });
  time.surely_after(1s, [&] { order += 'b'; });
  time.surely_after(9s, [&] { order += 'd'; });
  time.run_until(Moment(5s));
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(time.now(), Moment(5s));
}

TEST(Scheduler, DestroyedTimerNeverHappens) {
  Scheduler time;
  bool happened = false;
  {
    const auto timer = time.after(1s, [&] { happened = true; });
    EXPECT_TRUE(timer.pending());
  }
  time.run_until(Moment(2s));
  EXPECT_FALSE(happened);
}

TEST(Gate, FrozenProcessIsLateAndKeepsItsOrder) {
  Scheduler time;
  Gate gate(time);
  std::string order;
  const auto first = time.after(1s, [&] { order += 'a'; }, &gate);
  const auto second = time.after(2s, [&] { order += 'b'; }, &gate);
  auto cancelled = time.after(2s, [&] { order += 'x'; }, &gate);
  gate.freeze();
  time.run_until(Moment(3s));
  EXPECT_EQ(order, "");
  cancelled.cancel();
  gate.run([&] { order += 'c'; });
  gate.thaw();
  time.run_until(Moment(4s));
  EXPECT_EQ(order, "abc");
}

TEST(Gate, StaysFrozenUntilEveryHolderHasThawedIt) {
  Scheduler time;
  Gate gate(time);
  gate.freeze();
  gate.freeze();
  gate.thaw();
  EXPECT_TRUE(gate.frozen());
  gate.thaw();
  EXPECT_FALSE(gate.frozen());
}

TEST(HostClock, DriftsAndIsNeverEarly) {
  for (const std::int64_t drift : {-300, 0, 300, 10'000}) {
    const HostClock clock{.booted = Moment(7s), .origin = base::Instant(3h), .drift_ppm = drift};
    for (const auto after : {Duration(1ns), Duration(999ms), Duration(1234567891ns), Duration(3000s)}) {
      const auto wanted = clock.origin + after;
      EXPECT_GE(clock.local(clock.moment(wanted)), wanted) << drift;
      EXPECT_LT(clock.local(clock.moment(wanted)) - wanted, 10ns) << drift;
    }
    EXPECT_EQ(clock.moment(base::Instant::max()), clock.moment(base::Instant::max() - 1h)) << "no overflow";
  }
}

struct TwoPlaces : testing::Test {
  Scheduler time;
  Network network{time, base::Random(1)};
  Place a = network.add_place(), b = network.add_place();
};

TEST_F(TwoPlaces, CutLinkLosesRequestsInItsDirectionOnly) {
  network.link(a, b).cut = true;
  bool there = false, back = false;
  network.send(a, b, [&] { there = true; });
  network.send(b, a, [&] { back = true; });
  time.run_until(Moment(10s));
  EXPECT_FALSE(there);
  EXPECT_TRUE(back);
}

TEST_F(TwoPlaces, PipeKeepsOrderAndWaitsOutACut) {
  network.link(a, b) = {.shortest = 1ms, .longest = 50ms};
  Pipe pipe(network, a, b);
  std::string order;
  for (const char c : std::string("abcdefgh")) pipe.send([&order, c] { order += c; });
  time.run_until(Moment(1s));
  EXPECT_EQ(order, "abcdefgh");
  network.link(a, b).cut = true;
  pipe.send([&] { order += 'i'; });
  time.run_until(Moment(20s));
  EXPECT_EQ(order, "abcdefgh");
  network.link(a, b).cut = false;
  time.run_until(Moment(30s));
  EXPECT_EQ(order, "abcdefghi");
}

}  // namespace
}  // namespace holdfast::sim
