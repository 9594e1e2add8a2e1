#include "sim/etcd.hpp"

#include <gtest/gtest.h>
#include <optional>
#include <string>

#include "sim/dcs.hpp"

namespace holdfast::sim {
namespace {

using base::ErrorKind;
using ports::Compare;
using ports::Delete;
using ports::Put;

struct EtcdTest : testing::Test {
  Physics physics{1};
  Etcd etcd{physics};
  Place here = physics.network.add_place();
  Gate gate{physics.time};
  HostClock clock{.origin = base::Instant(1h)};
  Loop loop{physics.time, gate, clock};
  Dcs dcs{physics, etcd, loop, here};
  base::TaskGroup tasks{loop};

  void pass(Duration time) { physics.time.run_until(physics.time.now() + time); }
  std::string value(std::string_view key) const { return etcd.get(key) ? etcd.get(key)->value : "nothing"; }

  // What a call returns within `time`; a call that does not return in time is a failure of the test.
  template <class T>
  T result_of(base::Task<T> task, Duration time = 10s) {
    std::optional<T> result;
    auto keep = [](base::Task<T> work, std::optional<T>& into) -> base::Task<void> {
      into.emplace(co_await std::move(work));
    };
    tasks.spawn(keep(std::move(task), result));
    pass(time);
    return std::move(result.value());
  }
};

TEST_F(EtcdTest, TransactionIsAllOrNothing) {
  const auto first = etcd.commit({{Compare::absent("k")}, {Put{"k", "1", 0}}});
  ASSERT_TRUE(first);
  const auto second = etcd.commit({{Compare::absent("k")}, {Put{"k", "2", 0}, Put{"other", "2", 0}}});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::conflict);
  EXPECT_EQ(value("k"), "1");
  EXPECT_EQ(value("other"), "nothing");
  EXPECT_TRUE(etcd.commit({{Compare::unchanged_since("k", *first)}, {Put{"k", "3", 0}}}));
  EXPECT_FALSE(etcd.commit({{Compare::unchanged_since("k", *first)}, {Put{"k", "4", 0}}}));
  EXPECT_TRUE(etcd.commit({{Compare::created_at("k", *first)}, {Delete{"k"}}}));
}

TEST_F(EtcdTest, LeaseTakesItsKeysWithItNeverEarly) {
  const auto lease = etcd.grant(5s);
  ASSERT_TRUE(etcd.commit({{}, {Put{"a", "1", lease.id}, Put{"b", "1", lease.id}, Put{"c", "1", 0}}}));
  pass(4s);
  ASSERT_TRUE(etcd.keep_alive(lease.id));
  pass(4999ms);
  EXPECT_EQ(value("a"), "1");
  pass(2s);
  EXPECT_EQ(value("a"), "nothing");
  EXPECT_EQ(value("b"), "nothing");
  EXPECT_EQ(value("c"), "1");
  EXPECT_EQ(etcd.keep_alive(lease.id).error().kind, ErrorKind::lease_lost);
  EXPECT_EQ(etcd.commit({{}, {Put{"a", "2", lease.id}}}).error().kind, ErrorKind::lease_lost);
}

TEST_F(EtcdTest, KeyThatWasMovedToAnotherLeaseSurvivesTheFirst) {
  const auto old = etcd.grant(2s), fresh = etcd.grant(60s);
  ASSERT_TRUE(etcd.commit({{}, {Put{"a", "1", old.id}}}));
  ASSERT_TRUE(etcd.commit({{}, {Put{"a", "1", fresh.id}}}));
  pass(10s);
  EXPECT_EQ(value("a"), "1");
}

TEST_F(EtcdTest, WithoutQuorumNoLeaseEndsAndAnElectionRenewsAll) {
  const auto lease = etcd.grant(5s);
  ASSERT_TRUE(etcd.commit({{}, {Put{"a", "1", lease.id}}}));
  pass(4s);
  etcd.lose_quorum();
  pass(100s);
  EXPECT_EQ(value("a"), "1");
  etcd.elect();
  pass(4900ms);
  EXPECT_EQ(value("a"), "1");
  pass(2s);
  EXPECT_EQ(value("a"), "nothing");
}

TEST_F(EtcdTest, CallsGoThroughTheNetwork) {
  const auto done = result_of(dcs.commit({{}, {Put{"/x/a", "1", 0}}}, loop.now() + 1s));
  ASSERT_TRUE(done);
  const auto snapshot = result_of(dcs.read("/x/", loop.now() + 1s));
  ASSERT_TRUE(snapshot);
  ASSERT_EQ(snapshot->entries.size(), 1u);
  EXPECT_EQ(snapshot->revision, *done);
}

TEST_F(EtcdTest, UnreachableMeansThatNothingHappened) {
  physics.network.link(here, etcd.place()).cut = true;
  const auto done = result_of(dcs.commit({{}, {Put{"a", "1", 0}}}, loop.now() + 1s));
  EXPECT_EQ(done.error().kind, ErrorKind::unreachable);
  EXPECT_EQ(value("a"), "nothing");
}

TEST_F(EtcdTest, LostAnswerIsTimedOutAndTheWriteHappened) {
  etcd.trouble.answer_lost = 1;
  const auto done = result_of(dcs.commit({{}, {Put{"a", "1", 0}}}, loop.now() + 1s));
  EXPECT_EQ(done.error().kind, ErrorKind::timed_out);
  EXPECT_EQ(value("a"), "1");
}

TEST_F(EtcdTest, SlowEtcdMayExecuteAfterTheCallerHasGivenUp) {
  physics.network.link(here, etcd.place()) = {.shortest = 3s, .longest = 3s};
  std::optional<base::Result<std::int64_t>> done;
  auto keep = [](base::Task<base::Result<std::int64_t>> work, auto& into) -> base::Task<void> {
    into.emplace(co_await std::move(work));
  };
  tasks.spawn(keep(dcs.commit({{}, {Put{"a", "1", 0}}}, loop.now() + 1s), done));
  pass(2s);
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->error().kind, ErrorKind::timed_out);
  EXPECT_EQ(value("a"), "nothing");
  pass(2s);
  EXPECT_EQ(value("a"), "1");
}

TEST_F(EtcdTest, StaleMemberIsNotBelieved) {
  etcd.trouble.stale = 1;
  EXPECT_EQ(result_of(dcs.read("/", loop.now() + 1s)).error().kind, ErrorKind::unreachable);
}

TEST_F(EtcdTest, CancelledCallIsExecutedAllTheSame) {
  {
    base::TaskGroup caller(loop);
    auto forget = [](base::Task<base::Result<std::int64_t>> work) -> base::Task<void> {
      co_await std::move(work);
    };
    caller.spawn(forget(dcs.commit({{}, {Put{"a", "1", 0}}}, loop.now() + 1s)));
    pass(20us);
  }
  pass(1s);
  EXPECT_EQ(value("a"), "1");
}

struct Collector {
  std::string seen;
  base::Task<void> collect(ports::DcsWatch& watch) {
    for (;;) {
      const auto events = co_await watch.next();
      if (!events) {
        seen += '!';
        co_return;
      }
      for (const auto& event : *events)
        seen += event.kind == ports::WatchEvent::Kind::put ? event.entry.value : "-";
    }
  }
};

TEST_F(EtcdTest, WatchLosesNothingOverACut) {
  Collector collector;
  const auto watch = dcs.watch("/w/", etcd.revision() + 1);
  tasks.spawn(collector.collect(*watch));
  const auto put = [&](std::string text) {
    ASSERT_TRUE(etcd.commit({{}, {Put{"/w/k", std::move(text), 0}}}));
  };
  put("a");
  pass(1s);
  physics.network.link(etcd.place(), here).cut = true;
  put("b");
  put("c");
  ASSERT_TRUE(etcd.commit({{}, {Delete{"/w/k"}, Put{"/elsewhere", "x", 0}}}));
  pass(30s);
  EXPECT_EQ(collector.seen, "a");
  physics.network.link(etcd.place(), here).cut = false;
  put("d");
  pass(5s);
  EXPECT_EQ(collector.seen, "abc-d");
  tasks.cancel_all();
}

TEST_F(EtcdTest, WatchSaysWhenItsHistoryIsGone) {
  Collector collector;
  const auto watch = dcs.watch("/w/", etcd.revision() + 1);
  tasks.spawn(collector.collect(*watch));
  physics.network.link(etcd.place(), here).cut = true;
  ASSERT_TRUE(etcd.commit({{}, {Put{"/w/k", "a", 0}}}));
  etcd.compact();
  physics.network.link(etcd.place(), here).cut = false;
  pass(5s);
  EXPECT_EQ(collector.seen, "!");
  tasks.cancel_all();
}

}  // namespace
}  // namespace holdfast::sim
