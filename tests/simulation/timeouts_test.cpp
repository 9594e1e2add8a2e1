// primary_start_timeout and primary_stop_timeout, with the real agents.
#include <algorithm>
#include <gtest/gtest.h>

#include "sim/cluster.hpp"
#include "telemetry/log.hpp"

namespace holdfast::sim {
namespace {

Scenario quiet(bool synchronous) {
  telemetry::set_log_level(telemetry::Level::off);
  Scenario scenario{.seed = 5, .nodes = 3, .synchronous = synchronous};
  scenario.ttl = 5;
  scenario.loop_wait = 1;
  scenario.retry_timeout = 2;
  return scenario;
}

class Timeouts {
 public:
  explicit Timeouts(const Scenario& scenario) : cluster(scenario, ha::rules()) {
    EXPECT_TRUE(cluster.run_for(30s));
    EXPECT_EQ(cluster.what_is_missing(), "");
    leader = cluster.site().find(cluster.judge().facts().leader());
  }
  bool still_leads() { return cluster.judge().facts().leader() == leader->name; }
  std::uint64_t count(const char* rule) const {
    const auto found = cluster.decisions().find(rule);
    return found == cluster.decisions().end() ? 0 : found->second;
  }
  // PostgreSQL dies, and crash recovery takes minutes.
  void crash() {
    leader->trouble.slowness = 100;
    leader->server->crash();
  }
  // A standby that nobody waits for hangs, and with it the end of its walsender; then a switchover.
  void switch_over_slowly() {
    const auto sync = cluster.judge().facts().sync_state();
    Host* candidate = nullptr;
    for (const auto& host : cluster.site().hosts) {
      if (host.get() == leader) continue;
      const bool confirms = sync && sync->standbys.contains(host->name);
      if (candidate == nullptr && (confirms || !sync))
        candidate = host.get();
      else
        host->postgres_gate.freeze();
    }
    cluster.run_for(1s);
    cluster.ask_for_failover(leader->name, candidate->name);
    cluster.run_for(500ms);
    // Nor does the candidate say that it has everything: then it would lead meanwhile.
    candidate->postgres_gate.freeze();
  }
  void switch_over() {
    const auto other =
        std::ranges::find_if(cluster.site().hosts, [&](const auto& host) { return host.get() != leader; });
    cluster.ask_for_failover(leader->name, (*other)->name);
  }

  Cluster cluster;
  Host* leader = nullptr;
};

TEST(StartTimeout, AnotherMemberLeadsWhenItIsOver) {
  auto scenario = quiet(false);
  scenario.start_timeout = 5;
  Timeouts story(scenario);
  story.crash();
  ASSERT_TRUE(story.cluster.run_for(4900ms));
  EXPECT_TRUE(story.still_leads());
  ASSERT_TRUE(story.cluster.run_for(6s));
  EXPECT_FALSE(story.still_leads());
  EXPECT_EQ(story.count("job.give_up_start"), 1u);
  story.leader->trouble.slowness = 1;
  ASSERT_TRUE(story.cluster.run_for(60s));
  EXPECT_EQ(story.cluster.what_is_missing(), "");
}

TEST(StartTimeout, TheDefaultIsLong) {
  Timeouts story(quiet(false));
  story.crash();
  ASSERT_TRUE(story.cluster.run_for(60s));
  EXPECT_TRUE(story.still_leads());
}

TEST(StartTimeout, WithoutACandidateTheStartGoesOn) {
  auto scenario = quiet(false);
  scenario.start_timeout = 1;
  Timeouts story(scenario);
  for (const auto& host : story.cluster.site().hosts)
    if (host.get() != story.leader) story.cluster.cut_power(*host);
  story.crash();
  ASSERT_TRUE(story.cluster.run_for(5min));
  EXPECT_TRUE(story.still_leads());
  EXPECT_GT(story.count("job.ask_who_can_take_over"), 1u);
  EXPECT_EQ(story.count("job.give_up_start"), 0u);
  EXPECT_TRUE(story.leader->server && story.leader->server->accepts_writes());
}

TEST(StopTimeout, ASynchronousPrimaryIsEnded) {
  auto scenario = quiet(true);
  scenario.stop_timeout = 2;
  Timeouts story(scenario);
  story.switch_over_slowly();
  ASSERT_TRUE(story.cluster.run_for(1s));
  EXPECT_TRUE(story.still_leads());
  ASSERT_TRUE(story.cluster.run_for(5s));
  EXPECT_FALSE(story.still_leads());
  EXPECT_EQ(story.count("job.end_slow_stop"), 1u);
}

TEST(StopTimeout, AnAsynchronousPrimaryIsWaitedFor) {
  auto scenario = quiet(false);
  scenario.stop_timeout = 2;
  Timeouts story(scenario);
  story.switch_over_slowly();
  ASSERT_TRUE(story.cluster.run_for(30s));
  EXPECT_TRUE(story.still_leads());
  EXPECT_EQ(story.count("job.end_slow_stop"), 0u);
  for (const auto& host : story.cluster.site().hosts) host->postgres_gate.thaw();
  ASSERT_TRUE(story.cluster.run_for(60s));
  EXPECT_FALSE(story.still_leads());
  EXPECT_EQ(story.cluster.what_is_missing(), "");
}

TEST(SlowArchiver, ASwitchoverDoesNotWaitForIt) {
  Timeouts story(quiet(false));
  story.leader->longest_archiving = 5min;
  story.switch_over();
  ASSERT_TRUE(story.cluster.run_for(10s));
  EXPECT_FALSE(story.still_leads());
  EXPECT_EQ(story.count("job.hand_over_key"), 1u);
  ASSERT_TRUE(story.leader->server) << "it archives";
  EXPECT_TRUE(story.leader->server->stopping());
  ASSERT_TRUE(story.cluster.run_for(6min));
  EXPECT_EQ(story.cluster.what_is_missing(), "") << "and comes back";
}

// What restarts is a primary again in a moment, whatever the archiver still does.
TEST(SlowArchiver, ARestartEndsWithTheRightToRun) {
  Timeouts story(quiet(false));
  story.leader->longest_archiving = 1h;
  ASSERT_TRUE(story.cluster.ask_for_restart(*story.leader));
  ASSERT_TRUE(story.cluster.run_for(1s));
  auto& network = story.cluster.site().physics.network;
  const auto etcd = story.cluster.etcd().place();
  network.link(story.leader->place, etcd).cut = network.link(etcd, story.leader->place).cut = true;
  ASSERT_TRUE(story.cluster.run_for(15s));
  EXPECT_EQ(story.count("safety.right_expired"), 1u);
  EXPECT_FALSE(story.still_leads());
  ASSERT_TRUE(story.cluster.run_for(2min));
}

}  // namespace
}  // namespace holdfast::sim
