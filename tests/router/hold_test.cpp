// New connections wait while no server can take them, and go through as soon as one can.
#include <future>

#include "router/plane.hpp"

namespace holdfast::test {
namespace {

class HoldTest : public PlaneTest {
 protected:
  // Connects beside the test.
  std::future<std::unique_ptr<PqClient>> connect_later() {
    return std::async(std::launch::async, [port = rw()] { return std::make_unique<PqClient>(port); });
  }
};

TEST_F(HoldTest, AConnectionWaitsForTheFirstTableAndForALeader) {
  const Database database({.standbys = 0});
  start();
  auto client = connect_later();
  ASSERT_TRUE(eventually([&] { return held() == 1; }));
  plane_->publish(database.table_without_leader(0));
  EXPECT_EQ(client.wait_for(100ms), std::future_status::timeout);
  EXPECT_EQ(held(), 1);
  plane_->publish(database.table("a", 1));
  EXPECT_EQ(client.get()->ask("select 5"), "5");
  EXPECT_EQ(held(), 0);
  EXPECT_EQ(traffic().ports[0].ever_held, 1);
}

TEST_F(HoldTest, ThatEndsWithAMessageThatSaysWhatIsMissing) {
  const Database database({.standbys = 0});
  start({.hold_timeout = 300ms}, database.table_without_leader(4));
  RawClient client(rw());
  client.send(pg::wire::encode(startup()));
  const auto error = only_error(client.read_to_end().value_or(""));
  EXPECT_EQ(error.severity, "FATAL");
  EXPECT_EQ(error.sqlstate, "57P03");
  EXPECT_EQ(error.message, "no leader in scope demo for 0.3 s");
  EXPECT_EQ(held(), 0);
}

TEST_F(HoldTest, AClientThatGivesUpIsReleasedAtOnce) {
  start();
  {
    RawClient client(rw());
    client.send(pg::wire::encode(startup()));
    ASSERT_TRUE(eventually([&] { return held() == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return held() == 0 && traffic().connections == 0; }, 1s));
  EXPECT_EQ(ended(EndKind::client_left), 1);
}

TEST_F(HoldTest, ThereIsABoundOnHowManyWait) {
  start({.max_held = 2});
  std::vector<RawClient> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.emplace_back(rw());
    waiting.back().send(pg::wire::encode(startup()));
  }
  ASSERT_TRUE(eventually([&] { return held() == 2; }));
  RawClient one_more(rw());
  one_more.send(pg::wire::encode(startup()));
  const auto error = only_error(one_more.read_to_end().value_or(""));
  EXPECT_EQ(error.sqlstate, "53300");
  EXPECT_EQ(error.message, "etcd has not been read yet, and 2 connections wait already");
}

TEST_F(HoldTest, AndOnHowMuchIsKeptOfEach) {
  const Database database({.standbys = 0});
  start();
  RawClient client(rw());
  client.send(pg::wire::encode(startup()));
  ASSERT_TRUE(eventually([&] { return held() == 1; }));
  // One large query, sent without waiting for the login. It must arrive whole in the end.
  std::string query = "select length('" + std::string(8'000'000, 'x') + "')";
  query.push_back('\0');
  auto sent = std::async(std::launch::async, [&] { client.send(pg::wire::encode('Q', query)); });
  EXPECT_EQ(sent.wait_for(300ms), std::future_status::timeout)
      << "the router takes no more than a little of it";
  plane_->publish(database.table("a", 1));
  ASSERT_EQ(client.message_of_type('Z').type, 'Z');
  const auto row = client.message_of_type('D');
  sent.get();
  EXPECT_EQ(row.body.substr(6), "8000000");
}

TEST_F(HoldTest, ConnectionsWaitWhileTheServerRefusesThem) {
  Database database({.standbys = 0});
  database.stop("a");
  start({}, database.table("a", 1));
  std::vector<std::future<std::unique_ptr<PqClient>>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(connect_later());
  ASSERT_TRUE(eventually([&] { return held() == 20; }));
  const auto failures = [&] { return traffic().servers["a"].connect_failures; };
  const auto before = failures();
  std::this_thread::sleep_for(1s);
  // One session for each of the two loops tries, every 50 ms.
  EXPECT_GE(failures() - before, 10) << "it keeps trying";
  EXPECT_LE(failures() - before, 60) << "but not all of them all the time";
  database.start("a");
  for (auto& client : clients) EXPECT_EQ(client.get()->ask("select 1"), "1");
}

TEST_F(HoldTest, ConnectionsWaitWhileTheServerStartsUp) {
  Database database;
  database.kill("a");
  start({}, database.table("a", 1));
  auto client = connect_later();
  ASSERT_TRUE(eventually([&] { return held() == 1; }));
  // Recovery of a standby whose primary is gone ends only when it is told to; hot_standby = off makes it
  // answer "the database system is not accepting connections" meanwhile, SQLSTATE 57P03.
  database.kill("b");  // before anybody is sent there: a login that has begun cannot be held any more
  plane_->publish(database.table("b", 2));
  database.launch("b");
  EXPECT_EQ(client.wait_for(50ms), std::future_status::timeout);
  database.wait_until_ready("b");
  EXPECT_EQ(client.wait_for(200ms), std::future_status::timeout) << "it is a standby";
  database.promote("b");
  EXPECT_EQ(client.get()->server_port(), database.port("b"));
}

TEST_F(HoldTest, AFrozenServerIsGivenUpAndTriedAgain) {
  Database database;
  database.freeze("a");
  start({.connect_timeout = 200ms}, database.table("a", 1));
  auto client = connect_later();
  EXPECT_TRUE(eventually([&] { return traffic().servers["a"].connect_failures >= 2; }));
  EXPECT_EQ(held(), 1);
  database.thaw("a");
  EXPECT_EQ(client.get()->server_port(), database.port("a"));
}

TEST_F(HoldTest, ANewLeaderIsTakenWithoutWaitingForTheFrozenOne) {
  Database database;
  database.freeze("a");
  start({.connect_timeout = 30s}, database.table("a", 1));
  auto client = connect_later();
  ASSERT_TRUE(eventually([&] { return traffic().connections == 1; }));
  database.promote("b");
  plane_->publish(database.table("b", 2));
  ASSERT_EQ(client.wait_for(5s), std::future_status::ready);
  EXPECT_EQ(client.get()->server_port(), database.port("b"));
}

}  // namespace
}  // namespace holdfast::test
