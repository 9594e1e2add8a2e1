// Who promises what to a leader that lost etcd. The rules that follow from it are told in
// tests/policy/failsafe_*.
#include "ha/failsafe.hpp"

#include <gmock/gmock.h>

#include "ha/memory.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr base::Instant kNow{1h};

Situation replica_of_a() {
  Situation s;
  s.now = kNow;
  s.settings.failsafe_mode = true;
  s.local.name = "b";
  s.local.instance.data = DataDirectory::valid;
  s.local.instance.process = Process::running;
  s.local.instance.standby_signal = true;
  s.local.instance.status = ServerStatus{.in_recovery = true, .timeline = 1};
  s.cluster = ClusterView{.leader = LeaderKey{.name = "a", .epoch = 7}};
  return s;
}

std::optional<std::string> refusal(const Situation& s, const MemberName& asking = "a") {
  return refuse_failsafe(s, s.local.instance, asking, s.now);
}

TEST(Failsafe, AReplicaAcceptsItsLeader) {
  auto s = replica_of_a();
  EXPECT_FALSE(refusal(s));
  s.cluster->leader.reset();
  EXPECT_FALSE(refusal(s)) << "its lease may have ended";
  s.cluster.reset();
  EXPECT_FALSE(refusal(s));
}

TEST(Failsafe, APrimaryRefusesWithPatronisWords) {
  auto s = replica_of_a();
  s.local.instance.status->in_recovery = false;
  EXPECT_EQ(refusal(s), "Running as a leader");
}

TEST(Failsafe, WhoIsBeingPromotedOrHoldsTheKeyRefuses) {
  auto s = replica_of_a();
  s.local.job = RunningJob{.kind = JobKind::promote};
  EXPECT_EQ(refusal(s), "Running as a leader");
  s.local.job.reset();
  s.local.right_until = kNow + 1s;
  EXPECT_EQ(refusal(s), "Running as a leader");
  s.local.right_until = kNow;
  EXPECT_FALSE(refusal(s)) << "the right has ended";
}

TEST(Failsafe, AStoppedPrimaryThatMayStartAgainDoesNotStandInTheWay) {
  auto s = replica_of_a();
  s.local.instance.process = Process::stopped;
  s.local.instance.status.reset();
  s.local.instance.standby_signal = false;
  EXPECT_FALSE(refusal(s));
}

TEST(Failsafe, NobodyIsConfirmedWhoIsNotTheLeaderOfEtcd) {
  auto s = replica_of_a();
  s.cluster->leader->name = "c";
  EXPECT_THAT(refusal(s).value_or(""), HasSubstr("c holds the leader key"));
  EXPECT_THAT(refusal(s, "b").value_or(""), HasSubstr("itself"));
}

TEST(Failsafe, APromiseLastsAsLongAsTheLongerOfBothTtls) {
  auto s = replica_of_a();
  s.settings.ttl = 20s;
  fold_failsafe_request(s, {.leader = {.name = "a"}, .ttl = 30s}, kNow);
  ASSERT_NE(promise(s), nullptr);
  EXPECT_EQ(promise(s)->until, kNow + 30s);
  fold_failsafe_request(s, {.leader = {.name = "c"}}, kNow + 1s);
  EXPECT_EQ(promise(s)->leader.name, "c");
  EXPECT_EQ(promise(s)->until, kNow + 30s) << "what a was promised is kept, too";
  s.now = kNow + 30s;
  EXPECT_EQ(promise(s), nullptr);
}

TEST(Failsafe, APromiseEndsWhenItsLeaderIsSeenAsStandbyAfterwards) {
  auto s = replica_of_a();
  fold_failsafe_request(s, {.leader = {.name = "a"}}, kNow);
  s.peers = PeerReports{{"a", PeerStatus{.running = true, .in_recovery = false}}};
  fold_peer_reports(s, kNow);
  EXPECT_NE(promise(s), nullptr) << "it is a primary";
  s.peers = PeerReports{{"a", PeerStatus{.running = false}}};
  fold_peer_reports(s, kNow);
  EXPECT_NE(promise(s), nullptr) << "it may start again";
  s.peers = PeerReports{{"a", PeerStatus{.running = true}}};
  fold_peer_reports(s, kNow - 1s);
  EXPECT_NE(promise(s), nullptr) << "it was asked before";
  fold_peer_reports(s, kNow);
  EXPECT_EQ(promise(s), nullptr);
}

TEST(Failsafe, ARightIsProlongedFromBeforeTheQuestion) {
  auto s = replica_of_a();
  s.local.right_until = kNow + 5s;
  fold_failsafe_answers(s, {{.name = "a", .refusal = "", .position = {}}}, kNow, kNow + 2s);
  EXPECT_EQ(s.local.right_until, right_until(Lease{.renewed_at = kNow, .ttl = s.settings.ttl}));
}

TEST(Failsafe, AnswersAfterTheRightHasEndedProlongNothing) {
  auto s = replica_of_a();
  s.local.right_until = kNow + 5s;
  fold_failsafe_answers(s, {{.name = "a", .refusal = "", .position = {}}}, kNow + 4s, kNow + 5s);
  EXPECT_EQ(s.local.right_until, kNow + 5s);
  EXPECT_THAT(s.local.memory.failsafe.refusal, HasSubstr("too late"));
}

TEST(Failsafe, OneRefusalIsEnough) {
  auto s = replica_of_a();
  s.local.right_until = kNow + 5s;
  fold_failsafe_answers(
      s, {{.name = "a", .refusal = "", .position = {}}, {.name = "c", .refusal = "no route", .position = {}}},
      kNow, kNow + 1s);
  EXPECT_EQ(s.local.right_until, kNow + 5s);
  EXPECT_EQ(s.local.memory.failsafe.refusal, "c: no route");
}

TEST(Failsafe, WhomAnUncertainWriteNamedIsAskedUntilTheKeyHasMovedOn) {
  auto s = replica_of_a();
  s.cluster->failsafe = {{"a", "u"}, {"b", "u"}};
  s.cluster->failsafe_revision = 5;
  s.local.memory.failsafe.attempt = {.seen = 5, .members = {{"b", "u"}, {"c", "u"}}};
  fold_observation(s);
  EXPECT_TRUE(failsafe_members(s)->contains("c"));
  s.cluster->failsafe_revision = 6;
  fold_observation(s);
  EXPECT_FALSE(failsafe_members(s)->contains("c"));
}

}  // namespace
}  // namespace holdfast::ha
