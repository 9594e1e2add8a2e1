// What the REST API takes and answers beside status and health checks.
#include <boost/json.hpp>
#include <gmock/gmock.h>

#include "patroni/error_page.hpp"
#include "patroni/json_text.hpp"
#include "patroni/metrics_text.hpp"
#include "patroni/restart_request.hpp"
#include "unit/patroni/golden.hpp"

namespace holdfast::patroni {
namespace {

using namespace std::chrono_literals;

constexpr base::WallTime kNow = std::chrono::sys_days{std::chrono::year(2026) / 11 / 23} + 15h;

std::expected<RestartRequest, RestAnswer> read(std::string_view body, bool paused = false) {
  return read_restart_request(*parse_json_object(body), paused, kNow);
}

TEST(RestartRequest, TakesConditions) {
  const auto now = read("{}");
  ASSERT_TRUE(now);
  EXPECT_FALSE(now->at);
  EXPECT_FALSE(now->conditions.role);
  const auto all =
      read(R"({"role":"replica","postgres_version":"15.2","timeout":"2min","restart_pending":"False"})");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->conditions.role, ha::MemberRole::replica);
  EXPECT_EQ(all->conditions.older_than, 150002);
  EXPECT_EQ(all->conditions.timeout, base::Duration(120s));
  EXPECT_TRUE(all->conditions.only_if_pending) << "the key alone says so, as in Patroni";
}

TEST(RestartRequest, IsShownAsItWasAsked) {
  const auto request = read(R"({"restart_pending":"True","schedule":"2026-11-23 16:20:40.5+01:00"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->at, kNow + 20min + 40s + 500ms);
  EXPECT_EQ(to_json_text(request->as_asked, JsonLayout::spaced),
            R"({"restart_pending": "True", "schedule": "2026-11-23T15:20:40.500000+00:00"})");
}

TEST(RestartRequest, IsRefusedLikePatroni) {
  const auto refusal = [](std::string_view body, bool paused = false) {
    const auto answer = read(body, paused);
    return answer ? RestAnswer{0, "taken"} : answer.error();
  };
  EXPECT_EQ(refusal(R"({"schedule":"2026-11-23T16:00Z"})", true),
            (RestAnswer{500, "Can't schedule restart in the paused state"}));
  EXPECT_EQ(refusal("{}", true), (RestAnswer{0, "taken"}));
  EXPECT_EQ(refusal(R"({"schedule":"2026-11-23T14:00Z"})"),
            (RestAnswer{422, "Cannot schedule restart in the past"}));
  EXPECT_EQ(refusal(R"({"schedule":"2026-11-23T16:00"})"),
            (RestAnswer{400, "Timezone information is mandatory for the scheduled restart"}));
  EXPECT_EQ(refusal(R"({"schedule":5})").status, 422);
  EXPECT_EQ(refusal(R"({"role":"unknown"})"),
            (RestAnswer{400, "PostgreSQL role should be either primary, standby_leader, or replica"}));
  EXPECT_EQ(refusal(R"({"timeout":"0"})"),
            (RestAnswer{400, "Timeout should be a positive number of seconds"}));
  EXPECT_EQ(refusal(R"({"timeout":"3 parsecs"})").status, 400);
  EXPECT_EQ(refusal(R"({"postgres_version":"15"})"),
            (RestAnswer{400, "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 15"}));
  EXPECT_EQ(refusal(R"({"postgres_version":"15.x"})"), (RestAnswer{400, "Invalid PostgreSQL version: 15.x"}));
  EXPECT_EQ(refusal(R"({"who":"me"})"), (RestAnswer{400, "Unknown filter for the scheduled restart: who"}));
}

TEST(PostgresVersion, IsOneNumber) {
  EXPECT_EQ(parse_postgres_version("15.2").value(), 150002);
  EXPECT_EQ(parse_postgres_version("9.6.24").value(), 90624);
  for (const auto* bad : {"", "15", "9.6", "1.2.3.4", "15.", "-1.2"})
    EXPECT_FALSE(parse_postgres_version(bad)) << bad;
}

TEST(ErrorPage, IsPythons) { EXPECT_EQ(error_page(400), golden_text("rest/error_400.html")); }

TEST(Metrics, AreWrittenByteForByte) {
  NodeStatus primary{.scope = "batman", .name = "postgres-0", .version = "4.1.4"};
  primary.state = ha::MemberState::running;
  primary.server = ServerAnswers{.started_at = base::WallTime(1795447218463778us),
                                 .version = 150020,
                                 .timeline = 1,
                                 .location = pg::Lsn{24470192}};
  primary.dcs_last_seen = 1795447218;
  primary.pending_restart_reason["max_connections"] = boost::json::object();
  EXPECT_EQ(metrics_text(primary), golden_text("rest/metrics_primary.txt"));

  NodeStatus replica = primary;
  replica.pending_restart_reason.clear();
  replica.server = ServerAnswers{.started_at = base::WallTime(1795447273500000us),
                                 .version = 150020,
                                 .in_recovery = true,
                                 .timeline = 2,
                                 .received = pg::Lsn{201326592},
                                 .replayed = pg::Lsn{201326000},
                                 .replayed_timestamp = base::WallTime(1795447273000000us),
                                 .replay_paused = true,
                                 .replication_state = "streaming"};
  replica.synchronous = replica.paused = true;
  replica.dcs_last_seen = 1795447274;
  EXPECT_EQ(metrics_text(replica), golden_text("rest/metrics_replica.txt"));

  NodeStatus stopped{.scope = "batman", .name = "postgres-0", .version = "4.1.4"};
  stopped.state = ha::MemberState::stopped;
  stopped.role = ha::MemberRole::replica;
  stopped.cluster_unlocked = true;
  EXPECT_EQ(metrics_text(stopped), golden_text("rest/metrics_stopped.txt"));
}

}  // namespace
}  // namespace holdfast::patroni
