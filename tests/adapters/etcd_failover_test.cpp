// Members of etcd that die, freeze, lose their majority or tell of the past.
#include <gmock/gmock.h>

#include "adapters/etcd_fixture.hpp"
#include "base/task_group.hpp"

namespace holdfast::test {
namespace {

using ports::Compare;
using ports::Put;
using testing::AnyOf;
using testing::HasSubstr;

class EtcdFailover : public EtcdTest {
 protected:
  // How long `task` takes; its result goes to `result`.
  template <class T>
  base::Duration timed(base::Task<T> task, std::optional<T>& result) {
    const auto start = clock().now();
    result = run(std::move(task));
    return clock().now() - start;
  }
};

TEST_F(EtcdFailover, AFrozenMemberCostsItsShareOnce) {
  EtcdCluster cluster({.members = 3});
  auto dcs = connect(cluster.config());
  ASSERT_TRUE(put(*dcs, "/k", "0"));
  cluster.freeze(0);  // the one that is asked first; perhaps the leader
  std::optional<Result<ports::DcsSnapshot>> read;
  EXPECT_LT(timed(dcs->read("/", in(6s)), read), 5s);
  ASSERT_TRUE(*read) << (*read).error().message;
  EXPECT_LT(timed(dcs->read("/", in(6s)), read), 1900ms) << "the frozen member was asked first again";
  ASSERT_TRUE(*read);
  cluster.thaw(0);
}

TEST_F(EtcdFailover, AWriteToAFrozenMemberIsFinishedElsewhere) {
  EtcdCluster cluster({.members = 3});
  auto dcs = connect(cluster.config());
  const auto before = put(*dcs, "/k", "0");
  cluster.freeze(0);
  const auto written =
      run(dcs->commit({{Compare::unchanged_since("/k", *before)}, {Put{"/k", "1"}}}, in(6s)));
  ASSERT_TRUE(written) << written.error().message;
  cluster.thaw(0);  // now it may carry out what it was sent before: its condition does not hold any more
  cluster.wait_until_serving();
  const auto snapshot = run(dcs->read("/k", in(5s)));
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->entries[0].mod_revision, *written);
}

TEST_F(EtcdFailover, ACallWaitsForANewLeaderOfEtcd) {
  EtcdCluster cluster({.members = 3});
  auto dcs = connect(cluster.config());
  const auto lease = run(dcs->grant(30s, in(5s)));
  ASSERT_TRUE(lease) << lease.error().message;
  cluster.kill(cluster.leader());
  const auto renewed = run(dcs->keep_alive(lease->id, in(10s)));
  EXPECT_TRUE(renewed) << renewed.error().message;
  const auto read = run(dcs->read("/", in(10s)));
  EXPECT_TRUE(read) << read.error().message;
}

TEST_F(EtcdFailover, WithoutAMajorityNothingIsCertainButTheDeadline) {
  EtcdCluster cluster({.members = 3});
  auto dcs = connect(cluster.config());
  const auto before = put(*dcs, "/k", "0");
  ASSERT_TRUE(before);
  cluster.kill(0);
  cluster.kill(1);
  std::optional<Result<ports::DcsSnapshot>> read;
  EXPECT_LT(timed(dcs->read("/", in(1s)), read), 1500ms);
  ASSERT_FALSE(*read) << "read without a majority";
  EXPECT_EQ(kind(*read), ErrorKind::unreachable) << read->error().message;
  std::optional<Result<std::int64_t>> written;
  EXPECT_LT(
      timed(dcs->commit({{Compare::unchanged_since("/k", *before)}, {Put{"/k", "1"}}}, in(1s)), written),
      1500ms);
  EXPECT_THAT(kind(*written), AnyOf(ErrorKind::unreachable, ErrorKind::timed_out))
      << written->error().message;

  // By now the remaining member knows that it has no leader, and says so before anything can have happened.
  EXPECT_EQ(kind(run(dcs->commit({{}, {Put{"/k", "2"}}}, in(500ms)))), ErrorKind::unreachable);

  cluster.start(0);
  const auto again = run(dcs->read("/", in(20s)));
  EXPECT_TRUE(again) << again.error().message;
}

TEST_F(EtcdFailover, ATotalOutageEndsWithTheDeadline) {
  EtcdCluster cluster;
  auto dcs = connect(cluster.config());
  ASSERT_TRUE(put(*dcs, "/k", "0"));
  cluster.kill(0);
  std::optional<Result<ports::DcsSnapshot>> read;
  const auto took = timed(dcs->read("/", in(700ms)), read);
  EXPECT_LT(took, 1200ms);
  ASSERT_FALSE(*read);
  EXPECT_EQ(kind(*read), ErrorKind::unreachable);
  EXPECT_THAT(read->error().message, HasSubstr("Connection refused"));
}

TEST_F(EtcdFailover, AFrozenEtcdEndsWithTheDeadline) {
  EtcdCluster cluster;
  auto dcs = connect(cluster.config());
  ASSERT_TRUE(put(*dcs, "/k", "0"));
  cluster.freeze(0);
  std::optional<Result<std::int64_t>> written;
  EXPECT_LT(timed(dcs->commit({{}, {Put{"/k", "1"}}}, in(700ms)), written), 1200ms);
  EXPECT_EQ(kind(*written), ErrorKind::timed_out);
  cluster.thaw(0);
  cluster.wait_until_serving();
  EXPECT_EQ(values(*dcs, "/"), "k=1") << "it was to happen late, that is what timed_out warns of";
}

TEST_F(EtcdFailover, AWatchTellsEverythingAcrossDyingMembers) {
  EtcdCluster cluster({.members = 3});
  auto writer = connect(at({cluster.client_port(2)}));
  auto dcs = connect(cluster.config());
  const auto start = put(*writer, "/k", "0");
  auto watch = dcs->watch("/", *start);
  EXPECT_EQ(next_events(*watch, 1), "k=0");
  std::string acknowledged;
  const auto write = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      const auto written = run(writer->commit({{}, {Put{"/k", std::to_string(i)}}}, in(10s)));
      if (written)
        acknowledged += fmt::format(" k={} ", i);
      else
        EXPECT_EQ(written.error().kind, ErrorKind::timed_out) << written.error().message;  // a leader died
    }
  };
  write(1, 20);
  cluster.kill(0);
  write(20, 40);
  cluster.start(0);
  cluster.wait_until_serving();
  cluster.freeze(1);
  write(40, 60);
  ASSERT_TRUE(put(*writer, "/k", "end"));

  std::vector<ports::WatchEvent> got;
  while (got.empty() || got.back().entry.value != "end") {
    const auto events = run(ports::until(clock(), in(20s), watch->next()));
    ASSERT_TRUE(events && *events) << "the watch stopped after " << text(got);
    got.insert(got.end(), (*events)->begin(), (*events)->end());
  }
  cluster.thaw(1);
  // What a watch that was never disturbed tells is the truth. It may tell more: after its thaw, the old
  // leader may carry out a write that was given up long ago.
  auto undisturbed = writer->watch("/", *start + 1);
  const auto truth = next_events(*undisturbed, got.size());
  EXPECT_THAT(truth, testing::StartsWith(text(got)));
  EXPECT_THAT(" " + truth + " ", testing::Truly([&](const std::string& all) {
                for (int i = 1; i < 60; ++i)
                  if (const auto word = fmt::format(" k={} ", i);
                      acknowledged.contains(word) && !all.contains(word))
                    return false;
                return true;
              }));
}

TEST_F(EtcdFailover, AWatchSurvivesARestartOfEtcd) {
  EtcdCluster cluster;
  auto dcs = connect(cluster.config());
  const auto start = put(*dcs, "/k", "0");
  auto watch = dcs->watch("/", *start);
  EXPECT_EQ(next_events(*watch, 1), "k=0");
  cluster.stop(0);
  EXPECT_FALSE(run(ports::until(clock(), in(300ms), watch->next())).has_value());
  cluster.start(0);
  cluster.wait_until_serving();
  ASSERT_TRUE(put(*dcs, "/k", "1"));
  EXPECT_EQ(next_events(*watch, 1), "k=1");
}

TEST_F(EtcdFailover, AMemberRestoredFromABackupIsNotBelieved) {
  EtcdCluster cluster;
  auto setup = connect(cluster.config());
  ASSERT_TRUE(put(*setup, "/leader", "old"));
  const auto stale_port = cluster.start_copy_of(0);
  ASSERT_TRUE(put(*setup, "/leader", "new"));

  auto dcs = connect(at({cluster.client_port(0), stale_port}));
  EXPECT_EQ(values(*dcs, "/"), "leader=new");
  cluster.kill(0);
  const auto stale = run(dcs->read("/", in(1s)));
  ASSERT_FALSE(stale) << "believed " << stale->entries[0].value;
  EXPECT_EQ(stale.error().kind, ErrorKind::unreachable);
  EXPECT_THAT(stale.error().message, HasSubstr("stale: its"));
  cluster.start(0);
  cluster.wait_until_serving();
  EXPECT_EQ(values(*dcs, "/"), "leader=new");
}

TEST_F(EtcdFailover, AStrangeClusterIsNotBelievedUnlessMostEndpointsAreOfIt) {
  EtcdCluster cluster;
  EtcdCluster strange;
  TcpProxy proxy(runtime_, cluster.client_port(0));
  {
    auto dcs = connect(at({cluster.client_port(0), strange.client_port(0)}));
    ASSERT_TRUE(put(*dcs, "/k", "ours"));
    cluster.freeze(0);
    const auto read = run(dcs->read("/", in(1s)));
    EXPECT_FALSE(read) << "half of the endpoints do not outvote the other half";
    cluster.thaw(0);
  }
  // etcd was made anew behind the only endpoint there is.
  auto dcs = connect(at({proxy.port()}));
  ASSERT_TRUE(put(*dcs, "/k", "ours"));
  proxy.send_to(strange.client_port(0));
  proxy.cut();
  EXPECT_EQ(values(*dcs, "/"), "");
}

}  // namespace
}  // namespace holdfast::test
