// Bounds, many clients, and the end of the router.
#include <future>

#include "router/plane.hpp"

namespace holdfast::test {
namespace {

namespace wire = pg::wire;

class LimitsTest : public PlaneTest {};

TEST_F(LimitsTest, SessionsBeyondMaxconnWaitInLine) {
  const Database database({.standbys = 0});
  start({.maxconn = 2}, database.table("a", 1));
  auto first = std::make_unique<PqClient>(rw());
  auto second = std::make_unique<PqClient>(rw());
  RawClient third(rw());
  third.send(wire::encode(startup()));
  ASSERT_TRUE(eventually([&] { return held() == 1; }));
  RawClient fourth(rw());
  fourth.send(wire::encode(startup()));
  ASSERT_TRUE(eventually([&] { return held() == 2; }));
  first.reset();
  EXPECT_EQ(third.message_of_type('Z').type, 'Z') << "first come, first served";
  EXPECT_EQ(held(), 1);
  second.reset();
  EXPECT_EQ(fourth.message_of_type('Z').type, 'Z');
}

TEST_F(LimitsTest, TheLineEndsWithTooManyClients) {
  const Database database({.standbys = 0});
  start({.hold_timeout = 200ms, .maxconn = 1}, database.table("a", 1));
  PqClient first(rw());
  RawClient second(rw());
  second.send(wire::encode(startup()));
  const auto error = only_error(second.read_to_end().value_or(""));
  EXPECT_EQ(error.sqlstate, "53300");
  EXPECT_EQ(error.message, "no place for another session (maxconn 1) in scope demo for 0.2 s");
  RawClient gives_up(rw());
  gives_up.send(wire::encode(startup()));
  ASSERT_TRUE(eventually([&] { return held() == 1; }));
  gives_up.close();
  ASSERT_TRUE(eventually([&] { return held() == 0; }));
  EXPECT_EQ(first.ask("select 1"), "1");
}

TEST_F(LimitsTest, PlacesAreGivenBackHoweverASessionEnds) {
  Database database({.standbys = 0});
  start({.hold_timeout = 5s, .maxconn = 3}, database.table("a", 1));
  for (int round = 0; round < 10; ++round) {
    PqClient normal(rw());
    RawClient vanishes(rw());
    vanishes.log_in();
    RawClient garbage(rw());
    garbage.log_in();
    garbage.send("Q\xff\xff\xff\xff");
    EXPECT_TRUE(garbage.read_to_end());
    EXPECT_EQ(normal.ask("select 1"), "1");
  }
  EXPECT_TRUE(eventually([&] { return traffic().connections == 0 && sessions() == 0 && held() == 0; }));
  EXPECT_EQ(traffic().servers["a"].sessions, 0);
}

TEST_F(LimitsTest, AClientThatDoesNotLogInIsSentAway) {
  const Database database({.standbys = 0, .scram = true});
  start({.login_timeout = 300ms}, database.table("a", 1));
  RawClient silent(rw()), slow(rw()), shy(rw());
  slow.send(wire::encode(startup()).substr(0, 9));
  shy.send(wire::encode(startup("app")));
  ASSERT_EQ(shy.next_message().type, 'R') << "is asked for its password, and says nothing";
  for (auto* client : {&silent, &slow, &shy}) {
    const auto error = only_error(client->read_to_end(3s).value_or(""));
    EXPECT_EQ(error.sqlstate, "57014");
    EXPECT_EQ(error.message, "canceling authentication due to timeout: not logged in after 0.3 s");
  }
}

TEST_F(LimitsTest, AThousandIdleSessions) {
  const Database database({.standbys = 0, .max_connections = 1010});
  start({.maxconn = 1000}, database.table("a", 1));
  std::vector<RawClient> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.emplace_back(rw());
    clients.back().send(wire::encode(startup()));
  }
  for (auto& client : clients) ASSERT_EQ(client.message_of_type('Z').type, 'Z');
  EXPECT_EQ(sessions(), 1000);
  for (const std::size_t each : {0UZ, 499UZ, 999UZ}) {
    clients[each].send(wire::encode('Q', std::string_view("select 42\0", 10)));
    EXPECT_EQ(clients[each].message_of_type('D').body.substr(6), "42");
  }
  clients.clear();
  EXPECT_TRUE(eventually([&] { return traffic().connections == 0 && sessions() == 0; }));
}

TEST_F(LimitsTest, AStoppingRouterLetsTransactionsFinish) {
  const Database database({.standbys = 0});
  start({}, database.table("a", 1));
  PqClient idle(rw()), busy(rw()), asking(rw());
  ASSERT_EQ(busy.ask("begin"), "BEGIN");
  asking.send("select pg_sleep(0.5), 7");
  ASSERT_TRUE(eventually([&] { return traffic().servers["a"].bytes_to_server > 30; }));
  plane_->drain();
  const std::string stopped = "57P01 terminating connection: the router is shutting down";
  EXPECT_EQ(idle.farewell(), stopped);
  EXPECT_EQ(busy.ask("select 2"), "2");
  EXPECT_EQ(busy.ask("commit"), "COMMIT");
  EXPECT_EQ(busy.farewell(), stopped);
  EXPECT_EQ(asking.answer(), "");
  EXPECT_THROW(RawClient{rw()}, std::runtime_error) << "it listens no more";
  EXPECT_TRUE(eventually([&] { return traffic().connections == 0; }));
}

TEST_F(LimitsTest, AStoppingRouterWaitsForNobodyForEver) {
  const Database database({.standbys = 0});
  start({}, database.table("a", 1));
  PqClient busy(rw());
  ASSERT_EQ(busy.ask("begin"), "BEGIN");
  RawClient silent(rw());
  ASSERT_TRUE(eventually([&] { return traffic().connections == 2; }));
  plane_->drain();
  EXPECT_EQ(only_error(silent.read_to_end().value_or("")).sqlstate, "57P01") << "a client that only waits";
  EXPECT_EQ(busy.ask("select 2"), "2");
  plane_->end_sessions();
  EXPECT_EQ(busy.farewell(), "57P01 terminating connection: the router is shutting down");
}

TEST_F(LimitsTest, ARouterThatIsDestroyedLeavesNothingBehind) {
  const Database database({.standbys = 0});
  start({}, database.table("a", 1));
  PqClient session(rw());
  RawClient silent(rw()), asked(rw());
  asked.send(wire::encode(startup()));
  session.send("select pg_sleep(60)");
  plane_.reset();
  EXPECT_EQ(session.answer().substr(0, 8), "no SQLST");
}

TEST_F(LimitsTest, APortThatIsTakenIsNamed) {
  start();
  auto config = on_free_ports();
  config.read_only.port = rw();
  router::DataPlane second(config, "demo");
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, base::ErrorKind::refused);
  EXPECT_EQ(started.error().message, "starting the read-only port: cannot listen on 127.0.0.1:" +
                                         std::to_string(rw()) + ": Address already in use");
}

}  // namespace
}  // namespace holdfast::test
