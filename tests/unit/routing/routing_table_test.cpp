#include "routing/routing_table.hpp"

#include <gtest/gtest.h>

namespace holdfast::routing {
namespace {

Observation::Member member(std::string name, std::uint16_t port) {
  return {.server = {std::move(name), {"127.0.0.1", port}}, .running = true, .streaming = true};
}

Observation observed(std::int64_t revision, std::string leader, Epoch epoch) {
  return {revision, std::move(leader), epoch, {member("c", 3), member("a", 1), member("b", 2)}};
}

TEST(RoutingTable, HoldsTheLeaderAndTheReplicasInOrder) {
  auto now = observed(10, "b", 7);
  now.members[2].says_primary = true;
  const auto table = advance({}, now);
  EXPECT_EQ(table.revision, 10);
  EXPECT_EQ(table.epoch, 7);
  ASSERT_TRUE(table.has_leader);
  EXPECT_EQ(table.leader.server, (Server{"b", {"127.0.0.1", 2}}));
  EXPECT_TRUE(table.leader.says_primary);
  ASSERT_EQ(table.replicas.size(), 2);
  EXPECT_EQ(table.replicas[0].server.name, "a");
  EXPECT_EQ(table.replicas[1].server.name, "c");
  EXPECT_EQ(table.replica("c"), &table.replicas[1]);
  EXPECT_EQ(table.replica("b"), nullptr);
}

TEST(RoutingTable, TellsWhyAReplicaTakesNoClients) {
  auto now = observed(10, "", 0);
  now.members[0].server.address.port = 0;
  now.members[1].running = false;
  now.members[2].streaming = false;
  now.members.push_back(member("d", 4));
  now.members.back().no_load_balance = true;
  now.members.push_back(member("e", 5));
  const auto table = advance({}, now);
  EXPECT_FALSE(table.has_leader);
  const auto why = [&](std::string_view name) { return table.replica(name)->why_not; };
  EXPECT_EQ(why("a"), "not running");
  EXPECT_EQ(why("b"), "not streaming");
  EXPECT_EQ(why("c"), "has no address");
  EXPECT_EQ(why("d"), "tagged noloadbalance");
  EXPECT_EQ(why("e"), "");
  EXPECT_TRUE(table.replica("e")->takes_clients);
  EXPECT_FALSE(table.replica("d")->takes_clients);
}

TEST(RoutingTable, ALeaderWithoutMemberEntryHasNoAddress) {
  const auto table = advance({}, {5, "ghost", 4, {member("a", 1)}});
  EXPECT_TRUE(table.has_leader);
  EXPECT_EQ(table.leader.server.name, "ghost");
  EXPECT_FALSE(table.leader.has_address());
}

TEST(RoutingTable, TimeNeverRunsBackwards) {
  const auto seen = advance({}, observed(10, "b", 7));
  EXPECT_EQ(advance(seen, observed(9, "a", 9)), seen) << "an older revision";
  EXPECT_EQ(advance(seen, observed(11, "a", 6)), seen) << "a leader of a smaller epoch";
  EXPECT_EQ(advance(seen, observed(12, "a", 12)).leader.server.name, "a");
}

TEST(RoutingTable, RemembersTheEpochWhileThereIsNoLeader) {
  const auto none = advance(advance({}, observed(10, "b", 7)), observed(11, "", 0));
  EXPECT_FALSE(none.has_leader);
  EXPECT_EQ(none.epoch, 7);
  EXPECT_EQ(none.replicas.size(), 3) << "the old leader is a member like the others";
  EXPECT_EQ(advance(none, observed(12, "c", 5)), none) << "smaller than the one before the gap";
}

}  // namespace
}  // namespace holdfast::routing
