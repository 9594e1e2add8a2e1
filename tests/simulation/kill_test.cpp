// kill -9 at any moment: whatever an agent was waiting for, its tasks are destroyed, nothing refers to them
// afterwards (the sanitizers watch), and the next incarnation carries on.
#include <gtest/gtest.h>

#include "sim/cluster.hpp"
#include "telemetry/log.hpp"

namespace holdfast::sim {
namespace {

Scenario quiet() {
  Scenario scenario{.seed = 5, .nodes = 3, .synchronous = true};
  scenario.ttl = 5;
  scenario.loop_wait = 1;
  scenario.retry_timeout = 2;
  return scenario;
}

TEST(Kill, AfterEveryEventOfABootstrap) {
  telemetry::set_log_level(telemetry::Level::off);
  for (int events = 1; events < 1500; events += 11) {
    Cluster cluster(quiet(), ha::rules());
    for (int i = 0; i < events; ++i) cluster.physics().time.run_one(Moment(1h));
    for (std::size_t i = 0; i < cluster.hosts(); ++i) cluster.kill_agent(cluster.host(i));
    cluster.run_for(1s);
  }
}

TEST(Kill, AgainAndAgainAndStillItHeals) {
  telemetry::set_log_level(telemetry::Level::off);
  Cluster cluster(quiet(), ha::rules());
  base::Random chance(3);
  for (int round = 0; round < 300; ++round) {
    ASSERT_TRUE(cluster.run_for(chance.between(Duration(1ms), Duration(2s))));
    cluster.kill_agent(cluster.host(chance.below(cluster.hosts())));
  }
  cluster.run_for(60s);
  EXPECT_FALSE(cluster.judge().violation());
  EXPECT_EQ(cluster.what_is_missing(), "");
}

TEST(Kill, WholeHostsInTheMiddleOfAnything) {
  telemetry::set_log_level(telemetry::Level::off);
  Cluster cluster(quiet(), ha::rules());
  base::Random chance(4);
  for (int round = 0; round < 60; ++round) {
    auto& host = cluster.host(chance.below(cluster.hosts()));
    cluster.cut_power(host);
    ASSERT_TRUE(cluster.run_for(chance.between(Duration(1ms), Duration(3s))));
    cluster.restore_power(host);
    ASSERT_TRUE(cluster.run_for(chance.between(Duration(1ms), Duration(6s))));
  }
  cluster.run_for(90s);
  EXPECT_FALSE(cluster.judge().violation());
  EXPECT_EQ(cluster.what_is_missing(), "");
}

}  // namespace
}  // namespace holdfast::sim
