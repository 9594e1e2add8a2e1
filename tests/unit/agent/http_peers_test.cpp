#include "agent/http_peers.hpp"

#include <gtest/gtest.h>

namespace holdfast::agent {
namespace {

TEST(PeerStatus, ReadsAPrimary) {
  const auto status = parse_peer_status(
      R"({"state": "running", "role": "primary", "xlog": {"location": 67117128}, "timeline": 3})");
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_TRUE(status->running);
  EXPECT_FALSE(status->in_recovery);
  EXPECT_EQ(status->timeline, 3U);
  EXPECT_EQ(status->position.value, 67117128U);
}

TEST(PeerStatus, TakesTheNewestWalOfAStandby) {
  const auto status = parse_peer_status(
      R"({"state": "running", "role": "replica", "xlog": {"received_location": 100, "replayed_location": 200}})");
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_TRUE(status->in_recovery);
  EXPECT_EQ(status->position.value, 200U);
}

TEST(PeerStatus, ReadsThePromiseOfAStandby) {
  const auto promise = [](const char* body) { return parse_peer_status(body)->confirms_nothing_since; };
  EXPECT_EQ(promise(R"({"state": "running", "holdfast": {"confirms_nothing_since": 17}})"), 17);
  EXPECT_EQ(promise(R"({"state": "running", "holdfast": {"version": "1"}})"), std::nullopt);
  EXPECT_EQ(promise(R"({"state": "running", "holdfast": true})"), std::nullopt);
  EXPECT_EQ(promise(R"({"state": "running"})"), std::nullopt);
}

TEST(PeerStatus, CountsAnOldPatronisMasterAsPrimary) {
  EXPECT_FALSE(parse_peer_status(R"({"state": "running", "role": "master"})")->in_recovery);
}

TEST(PeerStatus, IsNotRunningWhenItDoesNotSaySo) {
  EXPECT_FALSE(parse_peer_status(R"({"state": "starting", "role": "replica"})")->running);
  EXPECT_FALSE(parse_peer_status("{}")->running);
}

TEST(PeerStatus, RefusesWhatIsNoObject) {
  EXPECT_FALSE(parse_peer_status("not json"));
  EXPECT_FALSE(parse_peer_status("[1]"));
  EXPECT_FALSE(parse_peer_status(""));
}

TEST(PeerStatus, SurvivesWrongTypes) {
  const auto status = parse_peer_status(R"({"state": 1, "role": [], "xlog": "x", "timeline": {}})");
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_FALSE(status->running);
  EXPECT_EQ(status->position.value, 0U);
}

}  // namespace
}  // namespace holdfast::agent
