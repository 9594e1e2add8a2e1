// Where clients go, and when they must go away.
#include <future>
#include <map>

#include "router/plane.hpp"

namespace holdfast::test {
namespace {

class RoutingTest : public PlaneTest {};

TEST_F(RoutingTest, NewConnectionsGoToTheLeader) {
  const Database database;
  start({}, database.table("a", 1));
  PqClient client(rw());
  EXPECT_EQ(client.server_port(), database.port("a")) << client.error();
  EXPECT_EQ(client.ask("create table t (i int)"), "CREATE TABLE");
  EXPECT_STREQ(PQparameterStatus(client.raw(), "in_hot_standby"), "off");
  EXPECT_NE(PQparameterStatus(client.raw(), "server_version"), nullptr);
}

TEST_F(RoutingTest, SessionsToTheOldLeaderAreCutWithAnErrorThatDriversKnow) {
  Database database;
  start({}, database.table("a", 1));
  PqClient idle(rw()), sleeping(rw()), in_transaction(rw());
  sleeping.send("select pg_sleep(60)");
  ASSERT_EQ(in_transaction.ask("begin"), "BEGIN");
  database.promote("b");
  plane_->publish(database.table("b", 2));
  const std::string expected = "57P01 terminating connection: the leader is b now, no longer a";
  EXPECT_EQ(sleeping.answer(), expected);
  EXPECT_EQ(in_transaction.farewell(), expected);
  EXPECT_EQ(idle.farewell(), expected);
  EXPECT_EQ(ended(EndKind::leader_changed), 3);
  PqClient again(rw());
  EXPECT_EQ(again.server_port(), database.port("b"));
}

TEST_F(RoutingTest, ASessionThatIsInTheMiddleOfARowIsCutWithoutAWord) {
  Database database;
  start({}, database.table("a", 1));
  RawClient client(rw());
  client.log_in();
  // More than all buffers between the server and this client, which does not read.
  client.send(pg::wire::encode('Q', std::string_view("select repeat('x', 100000000)\0", 30)));
  ASSERT_FALSE(client.read_some(1000).empty());
  plane_->publish(database.table("b", 2));
  const auto rest = client.read_to_end();
  ASSERT_TRUE(rest) << "the connection is still open";
  EXPECT_EQ(rest->find("57P01"), std::string::npos) << "an error inside a row would be read as data";
  EXPECT_EQ(ended(EndKind::leader_changed), 1);
}

TEST_F(RoutingTest, WithoutALeaderSessionsLiveOnAndTheSameLeaderKeepsThem) {
  const Database database;
  start({}, database.table("a", 1));
  PqClient client(rw());
  plane_->publish(database.table_without_leader(1));
  RawClient waiting(rw());
  waiting.send(pg::wire::encode(startup()));
  ASSERT_TRUE(eventually([&] { return held() == 1; })) << "the table without a leader has been seen";
  EXPECT_EQ(client.ask("select 1"), "1");
  plane_->publish(database.table("a", 2));
  EXPECT_EQ(waiting.message_of_type('Z').type, 'Z');
  EXPECT_EQ(client.ask("select 2"), "2");
  EXPECT_EQ(ended(EndKind::leader_changed), 0);
}

TEST_F(RoutingTest, ReadOnlyConnectionsAreSpreadOverTheReplicas) {
  const Database database({.standbys = 2});
  start({}, database.table("a", 1));
  std::map<std::uint16_t, int> taken;
  std::vector<std::unique_ptr<PqClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<PqClient>(ro()));
    ++taken[clients.back()->server_port()];
  }
  EXPECT_EQ(taken, (std::map<std::uint16_t, int>{{database.port("b"), 4}, {database.port("c"), 4}}));
  std::erase_if(clients, [&](const auto& client) { return client->server_port() == database.port("b"); });
  ASSERT_TRUE(eventually([&] { return sessions() == 4; }));
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<PqClient>(ro()));
    EXPECT_EQ(clients.back()->server_port(), database.port("b")) << "the one with the fewest sessions";
  }
}

TEST_F(RoutingTest, ReadOnlyGoesAroundAReplicaThatDoesNotAnswer) {
  Database database({.standbys = 2});
  database.kill("b");
  start({}, database.table("a", 1));
  for (int i = 0; i < 6; ++i) {
    PqClient client(ro());
    EXPECT_EQ(client.server_port(), database.port("c")) << client.error();
  }
  database.start("b");
  EXPECT_TRUE(eventually([&] { return PqClient(ro()).server_port() == database.port("b"); }))
      << "it gets clients again when it is back";
}

TEST_F(RoutingTest, ReadOnlyFallsBackToTheLeaderOnlyWhenToldSo) {
  const Database database({.standbys = 0});
  start({.hold_timeout = 200ms}, database.table("a", 1));
  PqClient refused(ro());
  EXPECT_NE(refused.error().find("no replica in scope demo for 0.2 s"), std::string::npos) << refused.error();
  start({.read_only_fallback = true}, database.table("a", 1));
  EXPECT_EQ(PqClient(ro()).server_port(), database.port("a"));
}

TEST_F(RoutingTest, ReadOnlySessionsLeaveAReplicaThatBecameLeaderOrWentAway) {
  Database database({.standbys = 2});
  start({}, database.table("a", 1));
  std::map<std::uint16_t, std::unique_ptr<PqClient>> clients;
  while (clients.size() < 2) {
    auto client = std::make_unique<PqClient>(ro());
    const auto port = client->server_port();
    clients.emplace(port, std::move(client));
  }
  database.promote("b");
  plane_->publish(database.table("b", 2));
  EXPECT_EQ(clients[database.port("b")]->farewell(),
            "57P01 terminating connection: b is the leader now, no longer a replica");
  EXPECT_EQ(clients[database.port("c")]->ask("select 1"), "1");
  auto without_c = database.table("b", 2);
  std::erase_if(without_c.replicas, [](const auto& replica) { return replica.server.name == "c"; });
  plane_->publish(without_c);
  EXPECT_EQ(clients[database.port("c")]->farewell(), "57P01 terminating connection: c is no longer a member");
}

TEST_F(RoutingTest, ACancelRequestReachesItsQueryAmongManySessions) {
  const Database database;
  start({}, database.table("a", 1));
  for (int i = 0; i < 30; ++i) PqClient(rw()).ask("select 1");  // keys that must be forgotten
  std::vector<std::unique_ptr<PqClient>> others;
  for (int i = 0; i < 20; ++i) others.push_back(std::make_unique<PqClient>(i % 2 == 0 ? rw() : ro()));
  for (auto* sleeper : {others[4].get(), others[15].get()}) {
    sleeper->send("select pg_sleep(60)");
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(sleeper->raw()),
                                                                    &PQfreeCancel);
    char problem[256] = "";
    // The query may not have reached the server yet; then there is nothing to cancel.
    auto answer = std::async(std::launch::async, [&] { return sleeper->answer(); });
    while (answer.wait_for(50ms) != std::future_status::ready)
      ASSERT_EQ(PQcancel(cancel.get(), problem, sizeof(problem)), 1) << problem;
    EXPECT_EQ(answer.get(), "57014 canceling statement due to user request");
  }
  for (auto& other : others) EXPECT_EQ(other->ask("select 7"), "7");
  EXPECT_GE(traffic().cancels_relayed, 2);
  RawClient stranger(rw());
  stranger.send(pg::wire::encode(pg::wire::CancelRequest{{1, "nope"}}));
  EXPECT_EQ(stranger.read_to_end(), "");
  EXPECT_EQ(traffic().cancels_unknown, 1);
}

TEST_F(RoutingTest, AServerThatDiesIsToldOfInAnError) {
  Database database;
  start({}, database.table("a", 1));
  PqClient idle(rw()), sleeping(rw());
  sleeping.send("select pg_sleep(60)");
  ASSERT_TRUE(eventually([&] {
    return PqClient(rw()).ask(
               "select count(*) from pg_stat_activity where query "
               "like '%pg_sleep(60)' and state = 'active'") == "1";
  }));
  database.kill("a");
  const auto expected = "08006 server a (127.0.0.1:" + std::to_string(database.port("a")) +
                        ") closed the connection unexpectedly";
  EXPECT_EQ(sleeping.answer(), expected);
  EXPECT_EQ(idle.farewell(), expected);
}

}  // namespace
}  // namespace holdfast::test
