// The router as a whole, driven by the keys that agents write into etcd.
#include <boost/json.hpp>
#include <gmock/gmock.h>

#include "router/clients.hpp"
#include "router/database.hpp"
#include "router/running_router.hpp"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class ClusterTest : public testing::Test {
 protected:
  void put(const std::string& key, const std::string& value) {
    etcd_.ctl({"put", "/service/demo/" + key, value});
  }
  void remove(const std::string& key) { etcd_.ctl({"del", "/service/demo/" + key}); }
  // a leads, all others are replicas.
  void write_cluster(const Database& database, int standbys) {
    for (int i = 0; i <= standbys; ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      put("members/" + name, member_value(database.port(name), i == 0 ? "primary" : "replica"));
    }
    put("config", R"({"ttl":30})");
    put("status", R"({"optime":50331648})");
    put("leader", "a");
  }
  void move_leadership(const std::string& to) {
    remove("leader");
    put("leader", to);
  }

  EtcdCluster etcd_;
};

TEST_F(ClusterTest, FollowsTheLeaderKeyAndTheMembers) {
  Database database({.standbys = 2});
  write_cluster(database, 2);
  RunningRouter router(etcd_.config());
  PqClient session(router.rw());
  EXPECT_EQ(session.server_port(), database.port("a"));
  EXPECT_NE(PqClient(router.ro()).server_port(), database.port("a"));

  put("members/c", member_value(database.port("c"), "replica", R"(,"tags":{"noloadbalance":true})"));
  EXPECT_TRUE(eventually([&] {
    for (int i = 0; i < 4; ++i)
      if (PqClient(router.ro()).server_port() != database.port("b")) return false;
    return true;
  })) << "noloadbalance is obeyed";

  database.promote("c");
  move_leadership("c");
  EXPECT_EQ(session.farewell(), "57P01 terminating connection: the leader is c now, no longer a");
  EXPECT_EQ(PqClient(router.rw()).server_port(), database.port("c"));
}

TEST_F(ClusterTest, WithoutEtcdTheLastTableStaysInForce) {
  Database database;
  write_cluster(database, 1);
  RunningRouter router(etcd_.config());
  PqClient session(router.rw());
  ASSERT_TRUE(session.connected());
  etcd_.stop(0);
  const auto etcd_answers = [&] {
    return router.json(router.api(), "/cluster").at_pointer("/holdfast/router/etcd/answers").as_bool();
  };
  EXPECT_TRUE(eventually([&] { return !etcd_answers(); }, 30s)) << "the router notices";
  EXPECT_EQ(session.ask("select 1"), "1");
  EXPECT_EQ(PqClient(router.rw()).server_port(), database.port("a"));
  EXPECT_EQ(PqClient(router.ro()).server_port(), database.port("b"));
  etcd_.start(0);
  etcd_.wait_until_serving();
  database.promote("b");
  move_leadership("b");
  EXPECT_TRUE(eventually([&] { return PqClient(router.rw()).server_port() == database.port("b"); }, 30s));
  EXPECT_EQ(session.farewell().substr(0, 5), "57P01");
  EXPECT_TRUE(eventually(etcd_answers, 30s));
}

// A leader that cannot reach etcd, but whom all members confirm. Only its REST API can tell.
TEST_F(ClusterTest, ALeaderInFailsafeModeKeepsItsClientsThoughItsKeyIsGone) {
  Database database;
  write_cluster(database, 1);
  std::atomic<bool> in_failsafe = true;
  RestApi rest([&](const net::HttpRequest& request) -> net::HttpResponse {
    if (request.path() != "/primary") return {.status = 404};
    return {.status = 200,
            .body = fmt::format(R"({{"state":"running","failsafe_mode_is_active":{}}})", in_failsafe.load())};
  });
  put("members/a", member_value(database.port("a"), "primary", "", rest.port()));
  RunningRouter router(etcd_.config(), {.hold_timeout = 300ms});
  PqClient session(router.rw());
  remove("leader");
  remove("members/a");
  const auto served = [&] {
    PqClient client(router.rw());
    return client.connected() && client.server_port() == database.port("a");
  };
  EXPECT_TRUE(eventually(served));
  in_failsafe = false;
  EXPECT_TRUE(eventually([&] { return !served(); })) << "it does not say so any more";
  in_failsafe = true;
  EXPECT_TRUE(eventually(served));
  EXPECT_EQ(session.ask("select 1"), "1");
  database.promote("b");
  put("leader", "b");
  EXPECT_EQ(session.farewell().substr(0, 5), "57P01") << "etcd's word goes before";
  EXPECT_EQ(PqClient(router.rw()).server_port(), database.port("b"));
}

TEST_F(ClusterTest, WithoutEtcdFromTheStartClientsAreToldSo) {
  auto config = etcd_.config();
  etcd_.stop(0);
  RunningRouter router(config, {.hold_timeout = 300ms});
  const PqClient client(router.rw());
  EXPECT_THAT(client.error(), HasSubstr("etcd has not been read yet in scope demo for 0.3 s"));
  EXPECT_EQ(router.ask(router.api(), "/health").status, 200);
}

TEST_F(ClusterTest, AnUnreadableMemberHarmsNobodyElse) {
  const Database database;
  write_cluster(database, 1);
  put("members/odd", "this is no JSON");
  put("members/odder", R"({"conn_url":"nonsense","state":7})");
  RunningRouter router(etcd_.config());
  EXPECT_EQ(PqClient(router.rw()).server_port(), database.port("a"));
  EXPECT_EQ(PqClient(router.ro()).server_port(), database.port("b"));
}

TEST_F(ClusterTest, ServesTheClusterAsPatroniDoesAndMore) {
  const Database database;
  write_cluster(database, 1);
  RunningRouter router(etcd_.config());
  PqClient session(router.rw());
  const auto cluster = router.json(router.api(), "/cluster");
  EXPECT_EQ(cluster.at("scope").as_string(), "demo");
  const auto& members = cluster.at("members").as_array();
  ASSERT_EQ(members.size(), 2);
  EXPECT_EQ(members[0].at("name").as_string(), "a");
  EXPECT_EQ(members[0].at("role").as_string(), "leader");
  EXPECT_EQ(members[0].at("port").as_int64(), database.port("a"));
  EXPECT_EQ(members[1].at("role").as_string(), "replica");
  EXPECT_EQ(members[1].at("state").as_string(), "streaming");
  EXPECT_GT(cluster.at_pointer("/holdfast/epoch").as_int64(), 0);
  EXPECT_EQ(cluster.at_pointer("/holdfast/router/ports/read-write/sessions").to_number<int>(), 1);
  EXPECT_EQ(router.ask(router.api(), "/health").status, 200);
  EXPECT_EQ(router.ask(router.api(), "/cluster", "HEAD").body, "");
  EXPECT_EQ(router.ask(router.api(), "/nothing").status, 404);
  EXPECT_EQ(router.ask(router.api(), "/cluster", "POST").status, 405);
}

TEST_F(ClusterTest, ShowsItsNumbersToPrometheusAndToPeople) {
  const Database database;
  write_cluster(database, 1);
  RunningRouter router(etcd_.config());
  PqClient session(router.rw());
  ASSERT_EQ(session.ask("select 1"), "1");
  RawClient garbage(router.rw());
  garbage.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(garbage.read_to_end());

  const auto metrics = router.ask(router.dashboard(), "/metrics");
  EXPECT_EQ(metrics.status, 200);
  for (const auto* line :
       {"holdfast_router_sessions{port=\"read-write\"} 1\n", "holdfast_router_has_leader 1\n",
        "holdfast_router_errors_total{kind=\"bad_packet\"} 1\n", "holdfast_router_etcd_answers 1\n",
        "holdfast_router_server_sessions{server=\"a\"} 1\n",
        "holdfast_router_server_takes_clients{server=\"b\",role=\"replica\"} 1\n",
        "holdfast_router_accepted_total{port=\"read-write\"} 2\n"})
    EXPECT_THAT(metrics.body, HasSubstr(line));
  EXPECT_THAT(metrics.body, Not(HasSubstr("holdfast_router_epoch 0\n")));

  const auto status = router.json(router.dashboard(), "/status.json");
  EXPECT_EQ(status.at("leader").as_string(), "a");
  EXPECT_EQ(status.at_pointer("/servers/0/sessions").to_number<int>(), 1);
  EXPECT_GT(status.at_pointer("/servers/0/bytes_from_server").to_number<int>(), 10);
  EXPECT_EQ(status.at_pointer("/errors/bad_packet").to_number<int>(), 1);

  const auto page = router.ask(router.dashboard(), "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("<title>Holdfast router</title>"));
  EXPECT_THAT(page.body, Not(HasSubstr("https://"))) << "the page needs nothing from elsewhere";
}

TEST_F(ClusterTest, StopsWhenTheLastTransactionHasEnded) {
  const Database database;
  write_cluster(database, 1);
  RunningRouter router(etcd_.config());
  PqClient session(router.rw());
  ASSERT_EQ(session.ask("begin"), "BEGIN");
  router.stop();
  EXPECT_TRUE(eventually([&] {
    try {
      RawClient another(router.rw());
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  })) << "nobody is let in any more";
  EXPECT_FALSE(router.stopped());
  EXPECT_EQ(session.ask("commit"), "COMMIT");
  EXPECT_TRUE(eventually([&] { return router.stopped(); }));
}

TEST_F(ClusterTest, StopsInTheEndAlsoWithAnOpenTransaction) {
  const Database database;
  write_cluster(database, 1);
  RunningRouter router(etcd_.config(), {.drain_timeout = 300ms});
  PqClient session(router.rw());
  ASSERT_EQ(session.ask("begin"), "BEGIN");
  router.stop();
  EXPECT_TRUE(eventually([&] { return router.stopped(); }, 5s));
  EXPECT_EQ(session.farewell(), "57P01 terminating connection: the router is shutting down");
}

}  // namespace
}  // namespace holdfast::test
