#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/etcd_fixture.hpp"

namespace holdfast::test {
namespace {

using ports::Compare;
using ports::Delete;
using ports::Put;
using testing::ElementsAre;
using testing::HasSubstr;

// One member for all tests of this group, each below a prefix of its own.
class Etcd : public EtcdTest {
 protected:
  static void SetUpTestSuite() { cluster_ = new EtcdCluster; }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  std::string key(std::string_view name) const { return prefix_ + std::string(name); }

  static EtcdCluster* cluster_;
  std::unique_ptr<ports::Dcs> dcs_ = connect(cluster_->config());
  std::string prefix_ = fmt::format("/{}/", testing::UnitTest::GetInstance()->current_test_info()->name());
};
EtcdCluster* Etcd::cluster_ = nullptr;

TEST_F(Etcd, ReadsWhatWasWritten) {
  const std::string bytes("\0\xff\n\"\\", 5);
  const auto lease = *run(dcs_->grant(60s, in(5s)));
  const auto first = commit(*dcs_, {.writes = {Put{key("b"), bytes}, Put{key("a"), "", lease.id}}});
  ASSERT_TRUE(first) << first.error().message;
  const auto second = commit(*dcs_, {.writes = {Put{key("b"), std::string(300'000, 'x')}}});
  ASSERT_TRUE(second) << second.error().message;
  ASSERT_TRUE(commit(*dcs_, {.writes = {Put{prefix_.substr(0, prefix_.size() - 1) + "0", "a neighbour"}}}));

  const auto snapshot = run(dcs_->read(prefix_, in(5s)));
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_GT(snapshot->revision, *second);
  EXPECT_GT(snapshot->raft_term, 0U);
  ASSERT_EQ(snapshot->entries.size(), 2U);
  const auto& a = snapshot->entries[0];
  const auto& b = snapshot->entries[1];
  EXPECT_EQ(a.key, key("a"));
  EXPECT_EQ(a.lease, lease.id);
  EXPECT_EQ(a.mod_revision, *first);
  EXPECT_EQ(b.value, std::string(300'000, 'x'));
  EXPECT_EQ(b.create_revision, *first);
  EXPECT_EQ(b.mod_revision, *second);
  EXPECT_TRUE(run(dcs_->revoke(lease.id, in(5s))));
}

TEST_F(Etcd, ConditionsDecideOverAllWrites) {
  const auto made = commit(*dcs_, {{Compare::absent(key("k"))}, {Put{key("k"), "1"}}});
  ASSERT_TRUE(made);
  const auto again =
      commit(*dcs_, {{Compare::absent(key("k"))}, {Put{key("k"), "2"}, Put{key("other"), "2"}}});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::conflict);
  EXPECT_EQ(values(*dcs_, prefix_), "k=1");

  const auto changed = commit(*dcs_, {{Compare::unchanged_since(key("k"), *made)}, {Put{key("k"), "3"}}});
  ASSERT_TRUE(changed);
  EXPECT_EQ(kind(commit(*dcs_, {{Compare::unchanged_since(key("k"), *made)}, {Put{key("k"), "4"}}})),
            ErrorKind::conflict);
  ASSERT_TRUE(commit(*dcs_, {{Compare::created_at(key("k"), *made)}, {Put{key("k"), "5"}}}));
  ASSERT_TRUE(commit(*dcs_, {{Compare::created_at(key("k"), *made)}, {Delete{key("k")}}}));
  EXPECT_EQ(kind(commit(*dcs_, {{Compare::created_at(key("k"), *made)}, {Delete{key("k")}}})),
            ErrorKind::conflict);
  EXPECT_EQ(values(*dcs_, prefix_), "");
}

TEST_F(Etcd, ALeaseEndsUnlessItIsKeptAlive) {
  const auto lease = run(dcs_->grant(1s, in(5s)));
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(lease->ttl, 1s);
  const auto put = commit(*dcs_, {.writes = {Put{key("leader"), "me", lease->id}}});
  ASSERT_TRUE(put);
  auto watch = dcs_->watch(prefix_, *put + 1);
  for (int i = 0; i < 8; ++i) {  // twice as long as it lives by itself
    run(clock().sleep_until(in(250ms)));
    const auto renewed = run(dcs_->keep_alive(lease->id, in(5s)));
    ASSERT_TRUE(renewed) << renewed.error().message;
  }
  EXPECT_EQ(values(*dcs_, prefix_), "leader=me");
  EXPECT_EQ(next_events(*watch, 1, 10s), "-leader");
  EXPECT_EQ(kind(run(dcs_->keep_alive(lease->id, in(5s)))), ErrorKind::lease_lost);
  EXPECT_EQ(kind(run(dcs_->revoke(lease->id, in(5s)))), ErrorKind::lease_lost);
  EXPECT_EQ(kind(commit(*dcs_, {.writes = {Put{key("leader"), "me", lease->id}}})), ErrorKind::lease_lost);
  EXPECT_EQ(values(*dcs_, prefix_), "");
}

TEST_F(Etcd, RevokingALeaseDeletesItsKeys) {
  const auto lease = run(dcs_->grant(60s, in(5s)));
  ASSERT_TRUE(commit(*dcs_, {.writes = {Put{key("a"), "1", lease->id}, Put{key("b"), "2"}}}));
  ASSERT_TRUE(run(dcs_->revoke(lease->id, in(5s))));
  EXPECT_EQ(values(*dcs_, prefix_), "b=2");
}

TEST_F(Etcd, AWatchTellsAllEventsInOrderFromItsRevision) {
  ASSERT_TRUE(commit(*dcs_, {.writes = {Put{key("before"), "0"}}}));
  const auto first = commit(*dcs_, {.writes = {Put{key("a"), "1"}}});
  ASSERT_TRUE(commit(*dcs_, {.writes = {Put{key("b"), "1"}, Delete{key("a")}}}));
  auto watch = dcs_->watch(prefix_, *first);
  EXPECT_EQ(next_events(*watch, 3), "a=1 b=1 -a");
  ASSERT_TRUE(commit(*dcs_, {.writes = {Put{"/elsewhere", "1"}}}));
  ASSERT_TRUE(commit(*dcs_, {.writes = {Put{key("c"), "1"}}}));
  EXPECT_EQ(next_events(*watch, 1), "c=1");
}

TEST_F(Etcd, AWatchFromTheFutureWaitsForIt) {
  const auto now = commit(*dcs_, {.writes = {Put{key("a"), "0"}}});
  auto watch = dcs_->watch(prefix_, *now + 2);
  for (const auto* value : {"1", "2", "3"}) ASSERT_TRUE(commit(*dcs_, {.writes = {Put{key("a"), value}}}));
  EXPECT_EQ(next_events(*watch, 2), "a=2 a=3");
}

TEST_F(Etcd, AnImpatientReaderOfAWatchLosesNothing) {
  const auto start = commit(*dcs_, {.writes = {Put{key("a"), "0"}}});
  auto watch = dcs_->watch(prefix_, *start + 1);
  std::string got;
  for (int i = 1; i <= 20; ++i) {
    ASSERT_TRUE(commit(*dcs_, {.writes = {Put{key("a"), std::to_string(i)}}}));
    // Given up at any moment between before and after the event's arrival.
    const auto events = run(ports::until(clock(), in(i * 50us), watch->next()));
    if (events) got += text(**events) + " ";
  }
  while (got.find("a=20") == std::string::npos) got += next_events(*watch, 1) + " ";
  std::string all;
  for (int i = 1; i <= 20; ++i) all += fmt::format("a={} ", i);
  EXPECT_EQ(got, all);
}

TEST_F(Etcd, AWatchOfACompactedPastIsAConflict) {
  const auto first = commit(*dcs_, {.writes = {Put{key("a"), "1"}}});
  const auto last = commit(*dcs_, {.writes = {Put{key("a"), "2"}}});
  cluster_->ctl({"compact", std::to_string(*last)});
  auto watch = dcs_->watch(prefix_, *first);
  for (int i = 0; i < 2; ++i) {
    const auto events = run(ports::until(clock(), in(10s), watch->next()));
    ASSERT_TRUE(events.has_value());
    EXPECT_EQ(kind(*events), ErrorKind::conflict);
  }
  auto new_watch = dcs_->watch(prefix_, *last);
  EXPECT_EQ(next_events(*new_watch, 1), "a=2");
}

TEST_F(Etcd, AWatchSurvivesACutConnection) {
  TcpProxy proxy(runtime_, cluster_->client_port(0));
  auto through_proxy = connect(at({proxy.port()}));
  const auto start = commit(*dcs_, {.writes = {Put{key("a"), "0"}}});
  auto watch = through_proxy->watch(prefix_, *start);
  EXPECT_EQ(next_events(*watch, 1), "a=0");
  for (int i = 1; i <= 9; i += 3) {
    ASSERT_TRUE(commit(*dcs_, {.writes = {Put{key("a"), std::to_string(i)}}}));
    proxy.cut();
    ASSERT_TRUE(commit(*dcs_, {.writes = {Put{key("a"), std::to_string(i + 1)}}}));
    ASSERT_TRUE(commit(*dcs_, {.writes = {Put{key("a"), std::to_string(i + 2)}}}));
    EXPECT_EQ(next_events(*watch, 3), fmt::format("a={} a={} a={}", i, i + 1, i + 2));
  }
}

TEST_F(Etcd, AWatchLeavesAnEndpointThatFellSilent) {
  TcpProxy proxy(runtime_, cluster_->client_port(0));
  auto dcs = connect(at({proxy.port(), cluster_->client_port(0)}));
  const auto start = commit(*dcs_, {.writes = {Put{key("a"), "0"}}});
  auto watch = dcs->watch(prefix_, *start);
  EXPECT_EQ(next_events(*watch, 1), "a=0");
  proxy.black_hole(true);
  ASSERT_TRUE(commit(*dcs_, {.writes = {Put{key("a"), "1"}}}));
  EXPECT_EQ(next_events(*watch, 1, 8s), "a=1");
}

TEST_F(Etcd, AWriteWhoseAnswerWasLostMayHaveHappened) {
  TcpProxy proxy(runtime_, cluster_->client_port(0));
  auto through_proxy = connect(at({proxy.port()}));
  const auto before = put(*dcs_, key("plain"), "0");
  proxy.lose_answers(true);
  // Sent again where that is harmless; the repetition tells nothing about the first.
  const auto guarded =
      run(through_proxy->commit({{Compare::absent(key("guarded"))}, {Put{key("guarded"), "1"}}}, in(1s)));
  EXPECT_EQ(kind(guarded), ErrorKind::timed_out);
  // Not where it could do harm: nothing of these would stop a second time.
  const std::vector<std::vector<Compare>> no_guards = {
      {}, {Compare::absent(key("other"))}, {Compare::created_at(key("plain"), *before)}};
  for (const auto& conditions : no_guards) {
    const int connections = proxy.connections();
    const auto written = run(through_proxy->commit({conditions, {Put{key("plain"), "1"}}}, in(5s)));
    EXPECT_EQ(kind(written), ErrorKind::timed_out);
    EXPECT_EQ(proxy.connections(), connections + 1) << "sent again";
  }
  EXPECT_EQ(values(*dcs_, prefix_), "guarded=1 plain=1");
  EXPECT_EQ(kind(run(through_proxy->read(prefix_, in(500ms)))), ErrorKind::unreachable);

  proxy.lose_answers(false);
  EXPECT_EQ(kind(run(through_proxy->commit({{Compare::absent(key("guarded"))}, {Put{key("guarded"), "2"}}},
                                           in(1s)))),
            ErrorKind::conflict);
}

TEST_F(Etcd, ALostAnswerIsMadeUpForByAnotherEndpoint) {
  TcpProxy proxy(runtime_, cluster_->client_port(0));
  auto dcs = connect(at({proxy.port(), cluster_->client_port(0)}));
  proxy.lose_answers(true);
  EXPECT_TRUE(run(dcs->grant(60s, in(5s))));
  auto second = connect(at({proxy.port(), cluster_->client_port(0)}));
  const auto twice = run(second->commit({{Compare::absent(key("k"))}, {Put{key("k"), "1"}}}, in(5s)));
  EXPECT_EQ(kind(twice), ErrorKind::timed_out)
      << "the first attempt wrote, so the second must not report a conflict";
  auto third = connect(at({proxy.port(), cluster_->client_port(0)}));
  EXPECT_EQ(kind(put(*third, key("plain"), "1")), ErrorKind::timed_out);
  const auto snapshot = run(dcs_->read(prefix_, in(5s)));
  ASSERT_EQ(snapshot->entries.size(), 2U);
  for (const auto& entry : snapshot->entries)
    EXPECT_EQ(entry.create_revision, entry.mod_revision) << entry.key << " twice";
}

TEST_F(Etcd, NotEtcdIsSaidClearly) {
  net::HttpServer server(runtime_, {.listen = {{"127.0.0.1", 0}}},
                         [](net::HttpRequest) -> base::Task<net::HttpResponse> {
                           co_return net::HttpResponse{.status = 404, .body = "404 page not found"};
                         });
  ASSERT_TRUE(server.start());
  auto dcs = connect(at({server.port()}));
  const auto got = run(dcs->read("/", in(2s)));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::invalid);
  EXPECT_THAT(got.error().message, HasSubstr("enable-grpc-gateway"));
}

TEST(EtcdConfiguration, HostsAreNeeded) {
  net::Runtime runtime;
  const auto none = etcd::make_dcs(runtime, {});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("etcd3.hosts"));
}

}  // namespace
}  // namespace holdfast::test
