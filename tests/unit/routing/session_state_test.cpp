#include "routing/session_state.hpp"

#include <gtest/gtest.h>

#include "routing/session_end.hpp"

namespace holdfast::routing {
namespace {

using pg::wire::encode;

SessionState established() {
  SessionState session;
  session.authenticate();
  session.establish();
  return session;
}

// Each step is a side and the types of its messages; ReadyForQuery is i, t or e by its status.
std::string stages_after(std::initializer_list<std::string_view> steps) {
  auto session = established();
  std::string stages;
  for (const auto step : steps) {
    for (const char type : step.substr(1)) {
      const bool ready = step[0] == '<' && (type == 'i' || type == 't' || type == 'e');
      const auto message =
          ready ? encode('Z', std::string(1, static_cast<char>(type - 'a' + 'A'))) : encode(type, "xy");
      EXPECT_TRUE(step[0] == '>' ? session.client_sent(message) : session.server_sent(message));
    }
    stages += std::string(stages.empty() ? "" : ", ") + std::string(to_string(session.stage()));
  }
  return stages;
}

TEST(SessionState, FollowsASimpleQuery) {
  EXPECT_EQ(stages_after({">Q", "<TDC", "<i"}), "active, active, idle");
  EXPECT_EQ(stages_after({">Q", "<Ct", ">Q", "<Ee", ">Q", "<Ci"}),
            "active, in transaction, active, in transaction, active, idle");
}

TEST(SessionState, FollowsTheExtendedProtocolUpToItsSync) {
  EXPECT_EQ(stages_after({">PBDE", ">H", "<12", ">S", "<DC", "<i"}),
            "active, active, active, active, active, idle");
}

TEST(SessionState, CountsPipelinedQuestions) {
  EXPECT_EQ(stages_after({">PBESPBES", "<12Ci", "<12Ci"}), "active, active, idle");
  EXPECT_EQ(stages_after({">QQF", "<i", "<i", "<i"}), "active, active, active, idle");
}

TEST(SessionState, DoesNotCountASyncDuringCopyIn) {
  EXPECT_EQ(stages_after({">Q", "<G", ">dd", ">S", ">c", "<Ci"}),
            "active, active, active, active, active, idle");
  EXPECT_EQ(stages_after({">PBE", "<12G", ">d", ">cS", "<Ci"}), "active, active, active, active, idle");
}

TEST(SessionState, AnUnaskedMessageChangesNothing) {
  EXPECT_EQ(stages_after({"<NSA", ">Q", "<Ci", "<N"}), "idle, active, idle, idle");
}

TEST(SessionState, IsQuietOnlyWhenNothingCanBeLost) {
  auto session = established();
  EXPECT_TRUE(session.quiet());
  const auto query = encode('Q', "select 1");
  ASSERT_TRUE(session.client_sent(query.substr(0, 3)));
  EXPECT_FALSE(session.quiet()) << "half a question has gone to the server";
  ASSERT_TRUE(session.client_sent(query.substr(3)));
  const auto answer = encode('D', "12345") + encode('Z', "I");
  ASSERT_TRUE(session.server_sent(answer.substr(0, 7)));
  EXPECT_FALSE(session.client_can_be_told()) << "in the middle of a row";
  ASSERT_TRUE(session.server_sent(answer.substr(7)));
  EXPECT_TRUE(session.client_can_be_told());
  EXPECT_TRUE(session.quiet());
}

TEST(SessionState, KnowsGoodbyes) {
  auto session = established();
  EXPECT_FALSE(session.client_said_goodbye());
  ASSERT_TRUE(session.client_sent(encode('X', "")));
  EXPECT_TRUE(session.client_said_goodbye());
  ASSERT_TRUE(session.server_sent(encode(pg::wire::ErrorFields{.sqlstate = "57P01"})));
  EXPECT_TRUE(session.server_explained_itself());
  ASSERT_TRUE(session.server_sent(encode('Z', "I")));
  EXPECT_FALSE(session.server_explained_itself());
}

TEST(SessionState, GarbageEndsIt) {
  auto session = established();
  EXPECT_FALSE(session.client_sent("\xff\xff\xff\xff\xff\xff"));
  EXPECT_FALSE(session.quiet());
}

TEST(SessionState, TakesTheStepsOfALogin) {
  SessionState session;
  EXPECT_EQ(session.stage(), Stage::startup);
  session.hold();
  session.authenticate();
  session.hold();  // the server refused
  session.authenticate();
  session.authenticate();  // another server is the leader now
  session.hold();          // it is not promoted yet
  session.establish();
  EXPECT_EQ(session.stage(), Stage::idle);
  session.close();
  EXPECT_EQ(session.stage(), Stage::closing);
  EXPECT_DEATH(session.hold(), "a step that it cannot take");
}

TEST(SessionEnd, EveryKindHasItsRow) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(kLastEndKind); ++i) {
    const auto kind = static_cast<EndKind>(i);
    EXPECT_TRUE(names.insert(to_string(kind)).second) << "two kinds named " << to_string(kind);
    EXPECT_TRUE(sqlstate(kind).empty() || sqlstate(kind).size() == 5);
  }
  const auto error = to_error({EndKind::leader_changed, "the leader is b now", "Connect again."});
  EXPECT_EQ(error.severity, "FATAL");
  EXPECT_EQ(error.sqlstate, "57P01");
  EXPECT_EQ(error.hint, "Connect again.");
}

}  // namespace
}  // namespace holdfast::routing
