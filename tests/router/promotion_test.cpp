// A new leader key comes before the promotion: no client of the read-write port may meet a standby.
#include <future>

#include "router/plane.hpp"

namespace holdfast::test {
namespace {

class PromotionTest : public PlaneTest {
 protected:
  std::vector<std::future<std::string>> write_later(int clients, const std::string& more = "") {
    std::vector<std::future<std::string>> writes;
    for (int i = 0; i < clients; ++i) {
      writes.push_back(std::async(std::launch::async, [port = rw(), more] {
        PqClient client(port, more);
        if (!client.connected()) return client.error();
        const std::string hot_standby = PQparameterStatus(client.raw(), "in_hot_standby");
        return hot_standby + " " + client.ask("create temporary table t (i int)") + " " +
               std::to_string(client.server_port());
      }));
    }
    return writes;
  }
};

TEST_F(PromotionTest, ClientsWaitUntilTheNewLeaderTakesWrites) {
  Database database({.scram = true});
  database.kill("a");
  start({}, database.table("b", 2));
  auto writes = write_later(15, "user=app password=secret");
  ASSERT_TRUE(eventually([&] { return held() == 15; }));
  EXPECT_EQ(traffic().servers["b"].sessions, 15) << "they have logged in already";
  EXPECT_EQ(sessions(), 0);
  EXPECT_EQ(writes[0].wait_for(200ms), std::future_status::timeout);
  database.promote("b");
  for (auto& write : writes) EXPECT_EQ(write.get(), "off CREATE TABLE " + std::to_string(database.port("b")));
  EXPECT_EQ(held(), 0);
}

TEST_F(PromotionTest, AQuerySentAheadWaitsToo) {
  Database database;
  database.kill("a");
  start({}, database.table("b", 2));
  RawClient client(rw());
  const std::string_view query("create temporary table t (i int)\0", 33);
  client.send(pg::wire::encode(startup()) + pg::wire::encode('Q', query));
  ASSERT_TRUE(eventually([&] { return traffic().servers["b"].sessions == 1 && held() == 1; }));
  database.promote("b");
  ASSERT_EQ(client.message_of_type('Z').type, 'Z');
  EXPECT_EQ(client.next_message().type, 'C') << "on a standby this would be an error";
}

TEST_F(PromotionTest, AClientThatLoggedInAtTheWrongLeaderIsToldToConnectAgain) {
  Database database({.standbys = 2});
  start({}, database.table("b", 2));
  RawClient client(rw());
  client.send(pg::wire::encode(startup()));
  ASSERT_TRUE(eventually([&] { return traffic().servers["b"].sessions == 1 && held() == 1; }));
  plane_->publish(database.table("c", 3));
  const auto error = only_error(client.read_to_end().value_or(""));
  EXPECT_EQ(error.sqlstate, "57P01");
  EXPECT_EQ(error.message, "terminating connection: the leader is c now, no longer b");
}

TEST_F(PromotionTest, APromotionThatNeverComesEndsWithAnError) {
  Database database;
  start({.hold_timeout = 300ms}, database.table("b", 2));
  RawClient client(rw());
  client.send(pg::wire::encode(startup()));
  const auto error = only_error(client.read_to_end().value_or(""));
  EXPECT_EQ(error.sqlstate, "57P03");
  EXPECT_EQ(error.message, "server b (127.0.0.1:" + std::to_string(database.port("b")) +
                               ") has not been promoted in scope demo for 0.3 s");
}

TEST_F(PromotionTest, AnOldPrimaryThatLostItsKeyDuringTheLoginIsNotUsed) {
  Database database({.scram = true});
  start({}, database.table("a", 1));
  // Logs in by hand, so that the key can go between the server's question and the password.
  RawClient client(rw());
  client.send(pg::wire::encode(startup("postgres")));
  ASSERT_EQ(client.message_of_type('Z').type, 'Z');
  RawClient slow(rw());
  slow.send(pg::wire::encode(startup("app")));
  ASSERT_EQ(slow.next_message().type, 'R') << "asks for SCRAM";
  plane_->publish(database.table_without_leader(1));
  RawClient probe(rw());
  probe.send(pg::wire::encode(startup()));
  ASSERT_TRUE(eventually([&] { return held() == 1; }));
  database.promote("b");
  plane_->publish(database.table("b", 2));
  EXPECT_EQ(only_error(slow.read_to_end().value_or("")).sqlstate, "57P01");
  EXPECT_EQ(probe.message_of_type('Z').type, 'Z');
}

TEST_F(PromotionTest, ReadOnlyClientsMayMeetAStandby) {
  const Database database;
  start({}, database.table("a", 1));
  PqClient client(ro());
  EXPECT_STREQ(PQparameterStatus(client.raw(), "in_hot_standby"), "on");
  EXPECT_EQ(client.ask("create table t (i int)"),
            "25006 cannot execute CREATE TABLE in a read-only transaction");
}

}  // namespace
}  // namespace holdfast::test
