#include "sim/sync_names.hpp"

#include <gtest/gtest.h>

#include "pg/synchronous_standby_names.hpp"

namespace holdfast::sim {
namespace {

TEST(SyncNames, ReadsWhatPostgresReads) {
  EXPECT_FALSE(parse_sync_names("").value().defined());
  EXPECT_EQ(parse_sync_names("a")->count, 1u);
  EXPECT_EQ(parse_sync_names("a, b")->count, 1u);
  EXPECT_EQ(parse_sync_names("2 (a, b,c)")->names.size(), 3u);
  EXPECT_EQ(parse_sync_names("FIRST 2 (a, b)")->count, 2u);
  EXPECT_EQ(parse_sync_names("any 1 (a, b)")->method, SyncNames::Method::any);
  EXPECT_EQ(parse_sync_names("\"node-1\"")->priority("NODE-1"), 1);
  EXPECT_EQ(parse_sync_names("\"say \"\"hi\"\"\"")->names[0], "say \"hi\"");
  EXPECT_EQ(parse_sync_names("a, *")->priority("whoever"), 2);
  EXPECT_EQ(parse_sync_names("ANY 2 (a, b)")->priority("b"), 1);
  EXPECT_EQ(parse_sync_names("a")->priority("b"), 0);
}

TEST(SyncNames, RefusesWhatPostgresRefuses) {
  for (const auto* text : {"node-1", "2 (a", "(a)", "0 (a)", "a,", "2 ()", "\"a", "ANY (a)", "a b"})
    EXPECT_FALSE(parse_sync_names(text)) << text;
}

TEST(SyncNames, ReadsWhatTheAgentWrites) {
  const auto names = parse_sync_names(pg::synchronous_standby_names({"b", "a", "node-3"}));
  ASSERT_TRUE(names);
  EXPECT_EQ(names->count, 3u);
  for (const auto* name : {"a", "b", "node-3"}) EXPECT_GT(names->priority(name), 0) << name;
  EXPECT_FALSE(parse_sync_names(pg::synchronous_standby_names({}))->defined());
}

SyncCandidate at(int priority, std::uint64_t flushed) { return {priority, {flushed}, true}; }

TEST(SyncNames, FirstWaitsForTheSlowestOfTheChosen) {
  const auto names = *parse_sync_names("FIRST 2 (a, b, c)");
  EXPECT_EQ(synchronous_position(names, {at(1, 30), at(2, 10), at(3, 20)}), pg::Lsn{10});
  EXPECT_EQ(synchronous_position(names, {at(1, 30), at(3, 20)}), pg::Lsn{20}) << "c steps in for b";
  EXPECT_FALSE(synchronous_position(names, {at(1, 30)})) << "too few";
  EXPECT_FALSE(synchronous_position(names, {at(1, 30), at(0, 40)})) << "not listed";
  EXPECT_FALSE(synchronous_position(names, {at(1, 30), at(2, 0)})) << "has reported nothing yet";
}

TEST(SyncNames, AnyTakesTheFastest) {
  const auto names = *parse_sync_names("ANY 2 (a, b, c)");
  EXPECT_EQ(synchronous_position(names, {at(1, 30), at(1, 10), at(1, 20)}), pg::Lsn{20});
}

}  // namespace
}  // namespace holdfast::sim
