#include "ha/slots.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::ha {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const PermanentSlot kLogical{.logical = true, .database = "app", .plugin = "pgoutput"};

Member member(std::string name, MemberName replicatefrom = {}, bool nostream = false) {
  Member member{.name = std::move(name), .version = "4.1.4"};
  member.tags.replicatefrom = std::move(replicatefrom);
  member.tags.nostream = nostream;
  return member;
}

// Node a leads as primary, b follows.
Situation cluster() {
  Situation s;
  s.local.name = "a";
  s.local.instance.status = ServerStatus{.position = {9000}, .logical_decoding = true};
  s.cluster = ClusterView{.config_readable = true, .leader = LeaderKey{.name = "a", .epoch = 5}};
  s.cluster->members = {member("a"), member("b")};
  return s;
}

TEST(Slots, TheLeaderTellsWantedSlotsAndItself) {
  auto s = cluster();
  s.settings.permanent_slots = {{"log", kLogical}, {"phys", {}}, {"other", kLogical}};
  s.local.instance.status->slots = {
      {.name = "b", .active = true, .restart_lsn = pg::Lsn{8000}},
      {.name = "ignored", .restart_lsn = pg::Lsn{1}},
      {.name = "log",
       .logical = true,
       .database = "app",
       .plugin = "pgoutput",
       .restart_lsn = pg::Lsn{10},
       .confirmed = pg::Lsn{20}},
      {.name = "other", .logical = true, .database = "app", .plugin = "another", .confirmed = pg::Lsn{30}},
      {.name = "phys", .restart_lsn = std::nullopt}};
  observe_slots(s.local.memory, s);
  auto told = cluster_status(s);
  EXPECT_EQ(told.optime, pg::Lsn{9000});
  EXPECT_THAT(told.slots,
              ElementsAre(Pair("a", pg::Lsn{9000}), Pair("b", pg::Lsn{8000}), Pair("log", pg::Lsn{20})));
  EXPECT_THAT(told.retain_slots, ElementsAre("a", "b"));

  s.settings.permanent_slots["b"] = {};
  s.local.memory = {};
  observe_slots(s.local.memory, s);
  EXPECT_THAT(cluster_status(s).retain_slots, ElementsAre("a")) << "a permanent slot needs no retention";

  s.settings.member_slots_ttl = {};
  observe_slots(s.local.memory, s);
  told = cluster_status(s);
  EXPECT_THAT(told.slots, ElementsAre(Pair("b", pg::Lsn{8000}), Pair("log", pg::Lsn{20})));
  EXPECT_THAT(told.retain_slots, ElementsAre());
}

TEST(Slots, MembersWithNostreamAreNotRetained) {
  auto s = cluster();
  s.cluster->members = {member("a"), member("b", "", true)};
  s.local.instance.status->slots = {{.name = "b", .restart_lsn = pg::Lsn{8000}}};
  observe_slots(s.local.memory, s);
  EXPECT_THAT(cluster_status(s).slots, ElementsAre(Pair("a", pg::Lsn{9000})));
  EXPECT_THAT(cluster_status(s).retain_slots, ElementsAre("a"));
}

TEST(Slots, AnOlderPatroniLeaderSaysNothingOfMembersSlots) {
  auto s = cluster();
  s.local.name = "b";
  s.local.instance.status->in_recovery = true;
  s.cluster->members[0].version = "3.0.2";
  s.cluster->members[0].xlog_location = pg::Lsn{7000};
  EXPECT_EQ(wanted_slots(s, *s.cluster, false).at("a").position, pg::Lsn{7000});
  s.cluster->members[0].version = "4.1.4";
  EXPECT_EQ(wanted_slots(s, *s.cluster, false).at("a").position, pg::Lsn{0});
}

TEST(Slots, FeedbackIsGivenWhereLogicalSlotsNeedIt) {
  auto s = cluster();
  s.local.name = "b";
  const auto needs = [&] { return needs_hot_standby_feedback(s, *s.cluster); };
  EXPECT_FALSE(needs());
  s.settings.permanent_slots["log"] = kLogical;
  EXPECT_TRUE(needs());
  s.local.tags.nofailover = true;
  EXPECT_FALSE(needs()) << "it keeps no logical slot";
  s.cluster->members = {member("a"), member("b"), member("c", "b"), member("d", "c")};
  EXPECT_TRUE(needs()) << "c has one, and streams through b";
  s.cluster->members[2].tags.nofailover = true;
  EXPECT_TRUE(needs()) << "d has one, and streams through c";
  s.cluster->members[3].tags.nofailover = true;
  EXPECT_FALSE(needs());
  s.local.tags = Tags{.nostream = true};
  s.cluster->members[1].tags = s.local.tags;
  s.cluster->members[2].tags.nofailover = false;
  EXPECT_FALSE(needs()) << "without a stream there is no feedback, neither from b nor from behind it";
  s.local.tags = s.cluster->members[1].tags = {};
  EXPECT_TRUE(needs());
  s.settings.standby_cluster.emplace();
  EXPECT_FALSE(needs());
}

TEST(Slots, MembersThatFollowOneAnotherInACircleStreamFromNobody) {
  auto s = cluster();
  s.settings.permanent_slots["log"] = kLogical;
  s.local.name = "b";
  s.local.tags.replicatefrom = "c";
  s.cluster->members = {member("a"), member("b", "c"), member("c", "b")};
  EXPECT_FALSE(wanted_slots(s, *s.cluster, false).contains("log"));
}

TEST(Slots, WithoutEtcdTheLeadersWordAndTheMembersAnswersCount) {
  auto s = cluster();
  s.cluster->members = {member("a"), member("b"), member("c", "b")};
  const auto told = told_by_leader(*s.cluster, "a", {{"b", pg::Lsn{10}}, {"c", pg::Lsn{20}}});
  EXPECT_EQ(told.status.slots.at("b"), pg::Lsn{10});
  EXPECT_EQ(told.member("c")->xlog_location, pg::Lsn{20});
  EXPECT_FALSE(told.member("b")->xlog_location);
  const auto answered = with_positions(*s.cluster, {{"b", pg::Lsn{30}}, {"c", pg::Lsn{40}}});
  EXPECT_EQ(answered.member("c")->xlog_location, pg::Lsn{40});
  EXPECT_EQ(wanted_slots(s, answered, true).at("c").position, pg::Lsn{40});
}

}  // namespace
}  // namespace holdfast::ha
