#include "routing/route.hpp"

#include <gtest/gtest.h>
#include <map>

namespace holdfast::routing {
namespace {

Server server(std::string name, std::uint16_t port) { return {std::move(name), {"127.0.0.1", port}}; }

// a leads in epoch 7; b and c are replicas.
RoutingTable three() {
  return {.revision = 10,
          .epoch = 7,
          .has_leader = true,
          .leader = {server("a", 1), true},
          .replicas = {{server("b", 2), true, ""}, {server("c", 3), true, ""}}};
}

// three() after c has become leader.
RoutingTable c_leads() {
  return {.revision = 20,
          .epoch = 15,
          .has_leader = true,
          .leader = {server("c", 3), true},
          .replicas = {{server("a", 1), true, ""}, {server("b", 2), true, ""}}};
}

std::string chosen(const RoutingTable& table, Port port, const RouteOptions& options = {}) {
  const auto choice = choose(table, port, options);
  if (const auto* wait = std::get_if<Wait>(&choice)) return "wait: " + wait->why;
  return std::get<Assignment>(choice).server.name;
}

Assignment on(std::string_view name, Port port, bool as_leader) {
  return {port, server(std::string(name), static_cast<std::uint16_t>(name[0] - 'a' + 1)), 7, as_leader};
}

TEST(Route, ReadWriteGoesToTheLeader) {
  const auto choice = std::get<Assignment>(choose(three(), Port::read_write, {}));
  EXPECT_EQ(choice, on("a", Port::read_write, true));
}

TEST(Route, ReadWriteWaitsAndSaysForWhat) {
  EXPECT_EQ(chosen({}, Port::read_write), "wait: etcd has not been read yet");
  auto table = three();
  table.leader.server.address.port = 0;
  EXPECT_EQ(chosen(table, Port::read_write), "wait: leader a has no address");
  table.has_leader = false;
  EXPECT_EQ(chosen(table, Port::read_write, {.read_only_fallback = true}), "wait: no leader");
}

TEST(Route, ReadOnlyTakesTheLeastLoadedReplica) {
  std::map<std::string, std::size_t> load{{"a", 0}, {"b", 4}, {"c", 3}};
  RouteOptions options{.sessions = [&](const Server& each) { return load[each.name]; }};
  for (options.turn = 0; options.turn < 4; ++options.turn)
    EXPECT_EQ(chosen(three(), Port::read_only, options), "c") << options.turn;
  load["c"] = 5;
  EXPECT_EQ(chosen(three(), Port::read_only, options), "b");
}

TEST(Route, ReadOnlyTakesTurnsAmongEquals) {
  std::map<std::string, int> taken;
  for (std::size_t turn = 0; turn < 10; ++turn) ++taken[chosen(three(), Port::read_only, {.turn = turn})];
  EXPECT_EQ(taken, (std::map<std::string, int>{{"b", 5}, {"c", 5}}));
}

TEST(Route, ReadOnlyFallsBackOnlyWhenAllowed) {
  auto table = three();
  table.replicas[0] = {server("b", 2), false, "not streaming"};
  EXPECT_EQ(chosen(table, Port::read_only, {.read_only_fallback = true}), "c") << "a replica is there";
  table.replicas[1] = {server("c", 3), false, "tagged noloadbalance"};
  EXPECT_EQ(chosen(table, Port::read_only),
            "wait: no replica takes clients (b not streaming, c tagged noloadbalance)");
  EXPECT_EQ(chosen(table, Port::read_only, {.read_only_fallback = true}), "a");
  EXPECT_TRUE(std::get<Assignment>(choose(table, Port::read_only, {.read_only_fallback = true})).as_leader);
  table.has_leader = false;
  table.replicas.clear();
  EXPECT_EQ(chosen(table, Port::read_only), "wait: no replica");
  EXPECT_EQ(chosen(table, Port::read_only, {.read_only_fallback = true}), "wait: no leader");
}

TEST(RouteStay, AReadWriteSessionLeavesWhenAnotherLeads) {
  const auto session = on("a", Port::read_write, true);
  EXPECT_EQ(must_leave(three(), session, false), std::nullopt);
  EXPECT_EQ(must_leave(c_leads(), session, false), "the leader is c now, no longer a");
}

TEST(RouteStay, AReadWriteSessionStaysWhileNobodyLeads) {
  auto table = three();
  table.has_leader = false;
  table.replicas.clear();
  EXPECT_EQ(must_leave(table, on("a", Port::read_write, true), false), std::nullopt);
}

TEST(RouteStay, AReadWriteSessionStaysWhenTheSameServerLeadsAgain) {
  auto table = three();
  table.epoch = 30;
  EXPECT_EQ(must_leave(table, on("a", Port::read_write, true), false), std::nullopt);
  table.leader.server.address.port = 0;
  EXPECT_EQ(must_leave(table, on("a", Port::read_write, true), false), std::nullopt) << "its entry is late";
  table.leader.server.address.port = 99;
  EXPECT_EQ(must_leave(table, on("a", Port::read_write, true), false),
            "leader a has moved to another address");
}

TEST(RouteStay, AReadOnlySessionLeavesAReplicaThatIsOneNoMore) {
  EXPECT_EQ(must_leave(c_leads(), on("b", Port::read_only, false), false), std::nullopt)
      << "not its business";
  EXPECT_EQ(must_leave(c_leads(), on("c", Port::read_only, false), false),
            "c is the leader now, no longer a replica");
  EXPECT_EQ(must_leave(c_leads(), on("c", Port::read_only, false), true), std::nullopt)
      << "allowed by fallback";
  EXPECT_EQ(must_leave(c_leads(), on("d", Port::read_only, false), false), "d is no longer a member");
  auto moved = three();
  moved.replicas[0].server.address.port = 99;
  EXPECT_EQ(must_leave(moved, on("b", Port::read_only, false), false), "b has moved to another address");
}

TEST(RouteStay, AReadOnlySessionOutlivesATroubledReplication) {
  auto table = three();
  table.replicas[0].takes_clients = false;
  EXPECT_EQ(must_leave(table, on("b", Port::read_only, false), false), std::nullopt);
  EXPECT_EQ(must_leave(table, on("a", Port::read_only, true), true), std::nullopt)
      << "a fallback stays on the leader";
}

TEST(RouteServe, OnlyAKnownPrimaryServesReadWrite) {
  const auto session = on("a", Port::read_write, true);
  auto table = three();
  EXPECT_TRUE(may_serve(table, session, Recovery::primary));
  EXPECT_FALSE(may_serve(table, session, Recovery::standby))
      << "the server knows better than its entry in etcd";
  EXPECT_TRUE(may_serve(table, session, Recovery::unknown)) << "an old PostgreSQL: the entry has to do";
  table.leader.says_primary = false;
  EXPECT_TRUE(may_serve(table, session, Recovery::primary)) << "the entry is late";
  EXPECT_FALSE(may_serve(table, session, Recovery::unknown));
  EXPECT_FALSE(may_serve(c_leads(), session, Recovery::primary)) << "an old primary that still runs";
  table.has_leader = false;
  EXPECT_FALSE(may_serve(table, session, Recovery::primary)) << "it has lost its key";
  EXPECT_TRUE(may_serve(three(), on("b", Port::read_only, false), Recovery::standby));
}

}  // namespace
}  // namespace holdfast::routing
