#include "patroni/rest_json.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>

#include "patroni/failover_request.hpp"
#include "patroni/health_checks.hpp"
#include "patroni/json_text.hpp"
#include "patroni/timestamp.hpp"
#include "unit/patroni/golden.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;

std::string text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? scalar_text(*value).value_or("") : "";
}
std::optional<base::WallTime> time_of(const json::object& object, std::string_view key) {
  const auto parsed = parse_timestamp(text(object, key));
  return parsed ? std::optional(parsed->time) : std::nullopt;
}
bool flag(const json::object& object, std::string_view key) { return object.contains(key); }
std::uint64_t number(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? static_cast<std::uint64_t>(integer_of(*value).value_or(0)) : 0;
}
json::object object_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? value->get_object() : json::object();
}

ServerAnswers server_from(const json::object& body) {
  ServerAnswers server;
  const auto& xlog = body.at("xlog").get_object();
  server.started_at = time_of(body, "postmaster_start_time").value();
  server.version = static_cast<int>(number(body, "server_version"));
  server.in_recovery = !xlog.contains("location");
  server.timeline = static_cast<pg::Timeline>(number(body, "timeline"));
  server.location = pg::Lsn{number(xlog, "location")};
  server.received = pg::Lsn{number(xlog, "received_location")};
  server.replayed = pg::Lsn{number(xlog, "replayed_location")};
  server.replayed_timestamp = time_of(xlog, "replayed_timestamp");
  server.replay_paused = xlog.contains("paused") && xlog.at("paused").get_bool();
  server.replication_state = text(body, "replication_state");
  if (body.contains("replication"))
    for (const auto& item : body.at("replication").get_array()) {
      const auto& row = item.get_object();
      server.replication.push_back({text(row, "usename"), text(row, "application_name"),
                                    text(row, "client_addr"), text(row, "state"), text(row, "sync_state"),
                                    static_cast<int>(number(row, "sync_priority"))});
    }
  return server;
}

// The values that a body tells of.
NodeStatus node_from(const json::object& body) {
  NodeStatus node;
  const auto patroni = object_of(body, "patroni");
  node.scope = text(patroni, "scope");
  node.name = text(patroni, "name");
  node.version = text(patroni, "version");
  node.system_id = text(body, "database_system_identifier");
  node.state = parse_member_state(text(body, "state"));
  node.role = parse_member_role(text(body, "role"));
  node.is_leader = node.standby_cluster = node.role == ha::MemberRole::standby_leader;
  if (body.contains("xlog")) node.server = server_from(body);
  node.tags_json = object_of(body, "tags");
  node.pending_restart_reason = object_of(body, "pending_restart_reason");
  node.scheduled_restart = object_of(body, "scheduled_restart");
  node.cluster_unlocked = flag(body, "cluster_unlocked");
  node.failsafe_active = flag(body, "failsafe_mode_is_active");
  node.paused = flag(body, "pause");
  node.synchronous = flag(body, "sync_standby") || flag(body, "quorum_standby");
  node.quorum_mode = flag(body, "quorum_standby");
  node.dcs_last_seen = static_cast<std::int64_t>(number(body, "dcs_last_seen"));
  return node;
}

TEST(GoldenRest, StatusBodiesAreWrittenByteForByte) {
  for (const auto& line : golden_lines("rest/status.jsonl"))
    EXPECT_EQ(status_body(node_from(*parse_json_object(line))), line);
}

TEST(RestJson, OurOwnStandsAtTheEnd) {
  NodeStatus node{.scope = "s", .name = "n", .version = "4.1.4", .holdfast = "0.1.0", .epoch = 7};
  EXPECT_EQ(status_body(node), R"({"state": "unknown", "role": "uninitialized", "dcs_last_seen": 0, )"
                               R"("patroni": {"version": "4.1.4", "scope": "s", "name": "n"}, )"
                               R"("holdfast": {"version": "0.1.0", "epoch": 7}})");
  node.reinitialize = {.doing = "copying the data of a", .share = 0.425};
  EXPECT_THAT(status_body(node),
              testing::HasSubstr(R"("reinitialize": {"doing": "copying the data of a", "percent": 42})"));
  node.reinitialize.reset();
  node.last_reinitialize = "cancelled";
  EXPECT_THAT(status_body(node), testing::EndsWith(R"("epoch": 7, "last_reinitialize": "cancelled"}})"));
}

// The state of each recorded cluster, with all of Patroni's answers for it.
class RecordedCluster : public testing::TestWithParam<std::string> {};

TEST_P(RecordedCluster, ClusterHistoryAndConfigAreWrittenByteForByte) {
  const auto contents = golden_cluster(GetParam());
  EXPECT_THAT(contents.problems, testing::IsEmpty());
  EXPECT_EQ(to_json_text(cluster_json(contents, "batman"), JsonLayout::spaced),
            golden_text("cluster/" + GetParam() + "/cluster.json"));
  EXPECT_EQ(history_body(contents.history), golden_text("cluster/" + GetParam() + "/history_rest.json"));
  ASSERT_TRUE(contents.config);
  EXPECT_EQ(config_body(*contents.config), golden_text("cluster/" + GetParam() + "/config.json"));
}

TEST_P(RecordedCluster, NodesAreWrittenByteForByte) {
  for (const auto* name : {"node1", "node2", "node3"}) {
    const auto line = golden_text(fmt::format("cluster/{}/node_{}.json", GetParam(), name), true);
    if (!line.empty()) EXPECT_EQ(status_body(node_from(*parse_json_object(line))), line) << name;
  }
}

TEST_P(RecordedCluster, EntriesAreWrittenBackByteForByte) {
  const auto contents = golden_cluster(GetParam());
  for (const auto& [key, value] : golden_entries(GetParam())) {
    const Keys keys("service", "batman");
    if (key == keys.sync()) EXPECT_EQ(write_sync(*contents.view.sync), value);
    if (key == keys.history()) EXPECT_EQ(write_history(contents.history), value);
    if (key == keys.config()) EXPECT_EQ(write_config(*contents.config), value);
    if (key == keys.failover() && contents.view.failover)
      EXPECT_EQ(write_failover(*contents.view.failover), value);
    if (key.starts_with(keys.members()))
      EXPECT_EQ(write_member_value(contents.members.at(key.substr(keys.members().size()))), value);
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecordedCluster, testing::ValuesIn(golden_clusters()),
                         [](const auto& instance) { return instance.param; });

// Health checks
// --------------------------------------------------------------------------------------------------

NodeStatus leader() {
  NodeStatus node{.state = ha::MemberState::running, .role = ha::MemberRole::primary, .is_leader = true};
  node.server = ServerAnswers{.location = pg::Lsn{1000}};
  return node;
}
NodeStatus replica() {
  NodeStatus node{.state = ha::MemberState::running, .role = ha::MemberRole::replica};
  node.leader_position = pg::Lsn{2'000'000};
  node.server = ServerAnswers{.in_recovery = true,
                              .received = pg::Lsn{1'999'000},
                              .replayed = pg::Lsn{1'990'000},
                              .replication_state = "streaming"};
  node.tags_json = *parse_json_object(R"({"rack":"r1","gold":true,"size":3})");
  return node;
}
NodeStatus changed(NodeStatus node, void (*change)(NodeStatus&)) {
  change(node);
  return node;
}

struct HealthCase {
  const char* path;  // with query
  NodeStatus node;
  int status;
};

void expect_all(const std::vector<HealthCase>& cases) {
  for (const auto& c : cases) {
    const std::string_view target = c.path;
    const auto mark = std::min(target.find('?'), target.size());
    const auto query = parse_query(target.substr(std::min(mark + 1, target.size())));
    EXPECT_EQ(health_status(target.substr(0, mark), query, c.node), c.status)
        << c.path << " of a " << to_string(c.node.role);
  }
}

TEST(HealthChecks, OfALeader) {
  for (const auto* yes :
       {"/", "/primary", "/master", "/read-write", "/leader", "/read-only", "/read-only-sync",
        "/read-only-quorum", "/health", "/liveness", "/readiness", "/primary/", "/leader?tag_x=y"})
    expect_all({{yes, leader(), 200}});
  for (const auto* no : {"/replica", "/standby-leader", "/standby_leader", "/sync", "/synchronous", "/async",
                         "/asynchronous", "/quorum"})
    expect_all({{no, leader(), 503}});
}

TEST(HealthChecks, OfAReplica) {
  for (const auto* yes :
       {"/replica", "/read-only", "/async", "/asynchronous", "/health", "/liveness", "/readiness"})
    expect_all({{yes, replica(), 200}});
  for (const auto* no : {"/", "/primary", "/master", "/read-write", "/leader", "/standby-leader", "/sync",
                         "/quorum", "/read-only-sync", "/read-only-quorum"})
    expect_all({{no, replica(), 503}});
}

TEST(HealthChecks, InManySituations) {
  const auto sync = changed(replica(), [](NodeStatus& n) { n.synchronous = true; });
  const auto quorum = changed(sync, [](NodeStatus& n) { n.quorum_mode = true; });
  const auto noloadbalance = changed(replica(), [](NodeStatus& n) { n.tags.noloadbalance = true; });
  const auto dead = changed(replica(), [](NodeStatus& n) {
    n.state = ha::MemberState::crashed;
    n.server.reset();
  });
  const auto promoting = changed(leader(), [](NodeStatus& n) { n.server->in_recovery = true; });
  const auto restarting_leader = changed(leader(), [](NodeStatus& n) {
    n.state = ha::MemberState::starting;
    n.server.reset();
  });
  const auto standby_leader = changed(replica(), [](NodeStatus& n) {
    n.is_leader = n.standby_cluster = true;
    n.role = ha::MemberRole::standby_leader;
  });
  const auto no_etcd = [](NodeStatus& n) {
    n.dcs_available = false;
    n.is_leader = false;
    n.cluster_unlocked = true;
  };
  const auto paused_without_etcd =
      changed(changed(leader(), no_etcd), [](NodeStatus& n) { n.paused = true; });
  const auto slow_agent = [](NodeStatus& n) { n.since_last_look = n.ttl + base::Duration(1); };
  const auto archive =
      changed(replica(), [](NodeStatus& n) { n.server->replication_state = "in archive recovery"; });
  expect_all({
      {"/sync", sync, 200},
      {"/synchronous", sync, 200},
      {"/read-only-sync", sync, 200},
      {"/read-only-synchronous", sync, 200},
      {"/async", sync, 503},
      {"/quorum", sync, 503},
      {"/replica", sync, 200},
      {"/quorum", quorum, 200},
      {"/read-only-quorum", quorum, 200},
      {"/sync", quorum, 503},
      {"/async", quorum, 503},
      {"/sync", changed(sync, no_etcd), 503},
      {"/replica", changed(sync, no_etcd), 200},
      {"/replica", noloadbalance, 503},
      {"/read-only", noloadbalance, 503},
      {"/health", noloadbalance, 200},
      {"/replica", dead, 503},
      {"/health", dead, 503},
      {"/readiness", dead, 503},
      {"/primary", promoting, 503},
      {"/leader", promoting, 200},
      {"/primary", restarting_leader, 200},
      {"/health", restarting_leader, 503},
      {"/standby-leader", standby_leader, 200},
      {"/leader", standby_leader, 200},
      {"/primary", standby_leader, 503},
      {"/replica", standby_leader, 503},
      {"/read-only", standby_leader, 200},
      {"/primary", changed(leader(), no_etcd), 503},
      {"/primary", paused_without_etcd, 200},
      {"/leader", paused_without_etcd, 200},
      {"/replica?lag=10000", replica(), 200},
      {"/replica?lag=9999", replica(), 503},
      {"/replica?lag=10kB", replica(), 200},
      {"/replica?lag=9kB", replica(), 503},
      {"/replica?lag=nonsense", replica(), 200},
      {"/async?lag=1", replica(), 503},
      {"/read-only?lag=1", replica(), 503},
      {"/read-only?lag=1", leader(), 200},
      {"/replica?replication_state=streaming", replica(), 200},
      {"/replica?replication_state=streaming", archive, 503},
      {"/replica?tag_rack=r1&tag_gold=true&tag_size=3", replica(), 200},
      {"/replica?tag_rack=r2", replica(), 503},
      {"/replica?tag_none=r2", replica(), 503},
      {"/health?tag_rack=r2", replica(), 503},
      {"/liveness", changed(leader(), slow_agent), 503},
      {"/liveness", changed(replica(), slow_agent), 200},
      {"/liveness", changed(paused_without_etcd, slow_agent), 200},
      {"/readiness", archive, 503},
      {"/readiness?lag=9kB", replica(), 503},
      {"/readiness?lag=9kB&mode=write", replica(), 200},
      {"/readiness", changed(replica(), no_etcd), 503},
  });
}

// Load balancers lean on Patroni's loose paths.
TEST(HealthChecks, MostAreFoundAnywhereInThePath) {
  expect_all({{"/primary-5432", leader(), 200},
              {"/pg/replica", replica(), 200},
              {"/healthz", replica(), 200},
              {"/read-only/1", replica(), 200},
              {"/read-write", replica(), 503}});
}

TEST(HealthChecks, OthersAreNone) {
  for (const auto* path : {"/patroni", "/config", "", "/syncx", "/x/quorum"})
    EXPECT_FALSE(health_status(path, {}, leader())) << path;
}

TEST(HealthChecks, TheLeadersPositionMayComeFromTheStream) {
  auto node = replica();
  node.server->latest_end = pg::Lsn{9'000'000};
  expect_all({{"/replica?lag=1MB", node, 503}, {"/replica", node, 200}});
}

TEST(HealthChecks, QueriesAreDecoded) {
  const auto query = parse_query("a=1&b=x%20y+z&a=2&&c&%zz=1");
  EXPECT_EQ(query.at("a"), "1");
  EXPECT_EQ(query.at("b"), "x y z");
  EXPECT_EQ(query.at("c"), "");
  EXPECT_EQ(query.at("%zz"), "1");
}

TEST(HealthChecks, BytesHavePostgresUnits) {
  EXPECT_EQ(parse_bytes("16MB"), 16U << 20);
  EXPECT_EQ(parse_bytes(" 0.5 kB "), 512U);
  EXPECT_EQ(parse_bytes("10"), 10U);
  EXPECT_EQ(parse_bytes("1e30"), std::numeric_limits<std::uint64_t>::max());
  for (const auto* bad : {"", "MB", "-1", "1mb", "1 M B", "nan", "0x"}) EXPECT_FALSE(parse_bytes(bad)) << bad;
}

// POST /switchover, POST /failover
// -------------------------------------------------------------------------------

DcsContents cluster(std::string_view config, std::string_view sync = "") {
  const Keys keys("service", "s");
  std::vector<KeyValue> entries = {
      {keys.config(), std::string(config), 1, 1, 0},
      {keys.leader(), "a", 2, 2, 1},
      {keys.member("a"), R"({"api_url":"http://a/patroni"})", 1, 1, 1},
      {keys.member("b"), R"({"api_url":"http://b/patroni"})", 1, 1, 1},
      {keys.member("c"), R"({"api_url":"http://c/patroni"})", 1, 1, 1},
  };
  if (!sync.empty()) entries.push_back({keys.sync(), std::string(sync), 1, 1, 0});
  return read_contents(keys, 9, entries);
}

struct PostCase {
  FailoverAction action;
  const char* body;
  DcsContents cluster;
  int status;  // 0: accepted
  const char* text;
};

TEST(FailoverRequest, IsRefusedLikePatroni) {
  using enum FailoverAction;
  const auto now = parse_timestamp("2026-11-23T15:00:00Z")->time;
  const auto plain = cluster("{}");
  const auto paused = cluster(R"({"pause":true})");
  const auto sync = cluster(R"({"synchronous_mode":true})", R"({"leader":"a","sync_standby":"B"})");
  const auto no_sync = cluster(R"({"synchronous_mode":true})", R"({"leader":"a","sync_standby":null})");
  const auto quorum = cluster(R"({"synchronous_mode":"quorum"})", R"({"leader":"a","sync_standby":"b"})");
  auto alone = plain;
  alone.view.members.resize(1);
  const PostCase cases[] = {
      {failover, "", plain, 400, "Bad Request: a JSON object is expected"},
      {failover, "{}", plain, 400, "Bad Request: a JSON object is expected"},
      {failover, "[1]", plain, 400, "Bad Request: a JSON object is expected"},
      {switchover, "{\"leader\": 5}", plain, 400, "Bad Request: \"leader\" must be a text"},
      {failover, R"({"foo":"bar"})", plain, 400, "Failover could be performed only to a specific candidate"},
      {failover, R"({"leader":"a"})", plain, 400, "Failover could be performed only to a specific candidate"},
      {switchover, R"({"candidate":"b"})", plain, 400,
       "Switchover could be performed only from a specific leader"},
      {failover, R"({"candidate":"b","scheduled_at":"x"})", plain, 400, "Failover can't be scheduled"},
      {switchover, R"({"leader":"a","scheduled_at":"x"})", paused, 400,
       "Can't schedule switchover in the paused state"},
      {switchover, R"({"leader":"a","scheduled_at":"x"})", plain, 422,
       "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"},
      {switchover, R"({"leader":"a","scheduled_at":"2026-11-23T16:00"})", plain, 400,
       "Timezone information is mandatory for the scheduled switchover"},
      {switchover, R"({"leader":"a","scheduled_at":"2026-11-23T16:00+02:00"})", plain, 422,
       "Cannot schedule switchover in the past"},
      {switchover, R"({"leader":"a"})", paused, 400,
       "Switchover is possible only to a specific candidate in a paused state"},
      {switchover, R"({"leader":"a","candidate":"a"})", plain, 400,
       "Switchover target and source are the same"},
      {switchover, R"({"leader":"b"})", plain, 412, "leader name does not match"},
      {switchover, R"({"leader":"a","candidate":"x"})", plain, 412, "candidate does not exists"},
      {switchover, R"({"leader":"a","candidate":"c"})", sync, 412,
       "candidate name does not match with sync_standby"},
      {switchover, R"({"leader":"a"})", no_sync, 412,
       "switchover is not possible: can not find sync_standby"},
      {switchover, R"({"leader":"a"})", alone, 412,
       "switchover is not possible: cluster does not have members except leader"},
      {switchover, R"({"leader":"a"})", plain, 0, "b c"},
      {switchover, R"({"leader":"a"})", sync, 0, "b"},
      {switchover, R"({"leader":"a","candidate":"b"})", sync, 0, "b"},
      {switchover, R"({"leader":"a","candidate":"c"})", quorum, 0, "c"},
      {switchover, R"({"leader":"a","member":"c"})", plain, 0, "c"},
      {failover, R"({"candidate":"c"})", sync, 0, "c"},
      {failover, R"({"candidate":"c"})", paused, 0, "c"},
      {switchover, R"({"leader":"a","scheduled_at":"2026-11-23 15:00:01.5+00:00"})", plain, 0, ""},
  };
  for (const auto& c : cases) {
    const auto accepted = read_failover_request(c.action, c.body, c.cluster, now);
    ASSERT_EQ(accepted.has_value(), c.status == 0) << c.body << (accepted ? "" : accepted.error().text);
    if (!accepted) {
      EXPECT_EQ(accepted.error(), (RestAnswer{c.status, c.text})) << c.body;
    } else {
      std::string names;
      for (const auto& name : accepted->candidates) names += (names.empty() ? "" : " ") + name;
      EXPECT_EQ(names, c.text) << c.body;
    }
  }
}

TEST(FailoverRequest, IsWrittenAsAsked) {
  const auto now = parse_timestamp("2026-11-23T15:00:00Z")->time;
  const auto accepted = read_failover_request(
      FailoverAction::switchover,
      R"({"leader":"a","candidate":"b","scheduled_at":"2026-11-23T17:00:00.25+01:00"})", cluster("{}"), now);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(write_failover(accepted->request),
            R"({"leader":"a","member":"b","scheduled_at":"2026-11-23T16:00:00.250000+00:00"})");
}

TEST(FailoverRequest, AFailoverThatNamesTheLeaderIsASwitchover) {
  const auto accepted =
      read_failover_request(FailoverAction::failover, R"({"leader":"a","candidate":"b"})", cluster("{}"), {});
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->action, FailoverAction::switchover);
}

TEST(FailoverRequest, ResultsReadLikePatronis) {
  using enum FailoverAction;
  const ha::FailoverRequest to_b{.leader = "a", .candidate = "b"};
  EXPECT_EQ(request_done(switchover, to_b, "b"), (RestAnswer{200, "Successfully switched over to \"b\""}));
  EXPECT_EQ(request_done(failover, to_b, "b"), (RestAnswer{200, "Successfully failed over to \"b\""}));
  EXPECT_EQ(request_done(switchover, to_b, "c"),
            (RestAnswer{200, "Switched over to \"c\" instead of \"b\""}));
  EXPECT_EQ(request_failed(failover), (RestAnswer{503, "Failover failed"}));
  EXPECT_EQ(request_scheduled(switchover), (RestAnswer{202, "Switchover scheduled"}));
  EXPECT_EQ(
      request_unfinished(switchover, std::chrono::seconds(20)),
      (RestAnswer{503, "Switchover status unknown after 20 seconds; operation may still be in progress"}));
  EXPECT_EQ(no_good_candidates(failover),
            (RestAnswer{412, "failover is not possible: no good candidates have been found"}));
}

TEST(Timestamp, TakesIso8601Only) {
  struct Case {
    const char *text, *iso;  // empty: refused
    bool zone;
  };
  const Case cases[] = {
      {"2026-11-23T15:21:26.337622+00:00", "2026-11-23T15:21:26.337622+00:00", true},
      {"2026-11-23 15:21:26Z", "2026-11-23T15:21:26+00:00", true},
      {"2026-11-23T15:21+0130", "2026-11-23T13:51:00+00:00", true},
      {"2026-11-23T15:21-02", "2026-11-23T17:21:00+00:00", true},
      {"2026-11-23T15:21", "2026-11-23T15:21:00+00:00", false},
      {"2026-02-30T15:21", "", false},
      {"2026-11-23T24:00", "", false},
      {"2026-11-23", "", false},
      {"", "", false},
      {"2026-11-23T15:21:26.Z", "", false},
      {"2026-11-23T15:21Zx", "", false},
      {"-026-11-23T15:21Z", "", false},
  };
  for (const auto& c : cases) {
    const auto parsed = parse_timestamp(c.text);
    ASSERT_EQ(parsed.has_value(), *c.iso != '\0') << c.text;
    if (!parsed) continue;
    EXPECT_EQ(base::to_iso8601(parsed->time), c.iso);
    EXPECT_EQ(parsed->has_zone, c.zone);
  }
}

}  // namespace
}  // namespace holdfast::patroni
