#include "ha/sync_quorum.hpp"

#include <array>
#include <gtest/gtest.h>

namespace holdfast::ha {
namespace {

TEST(SyncQuorum, CountsWhoMayLackACommit) {
  EXPECT_EQ(may_lack({"b", "c"}, confirmation_of(R"(ANY 1 ("b","c"))")), 1);
  EXPECT_EQ(may_lack({"b", "c"}, confirmation_of(R"(2 ("b","c"))")), 0);
  EXPECT_EQ(may_lack({"b"}, confirmation_of(R"("b")")), 0);
  // d may have confirmed it alone.
  EXPECT_EQ(may_lack({"b", "c"}, confirmation_of(R"(ANY 1 ("b","c","d"))")), 2);
  EXPECT_EQ(may_lack({"b", "c"}, confirmation_of(R"(ANY 2 ("b","c","d"))")), 1);
  // FIRST 1 of two: the second confirms when the first is away.
  EXPECT_EQ(may_lack({"b", "c"}, confirmation_of(R"(FIRST 1 ("b","c"))")), 1);
}

TEST(SyncQuorum, TrustsNoSettingThatSaysNotWho) {
  for (const auto* setting :
       {"", "*", "ANY 1 (*)", "ANY 1 (b,*)", "ANY (", "__patroni_strict_sync_replica_placeholder__"})
    EXPECT_EQ(may_lack({"b", "c"}, confirmation_of(setting)), 2) << setting;
}

TEST(SyncQuorum, NobodyLacksAnythingWhenNobodyIsElectable) {
  EXPECT_TRUE(safe({}, confirmation_of("")));
  EXPECT_FALSE(safe({{"b"}, 0}, confirmation_of("")));
}

TEST(SyncQuorum, PastCommitsCountToo) {
  const std::array confirmations{confirmation_of(R"(ANY 1 ("b","c"))")};
  // The setting is new, and what was acknowledged before it is on nobody for sure.
  EXPECT_EQ(quorum_for({"b", "c"}, {}, confirmations, {}), 2);
  EXPECT_EQ(quorum_for({"b", "c"}, {}, confirmations, {"b"}), 1);
  // One of /sync may have lacked it already, and so may the newcomer.
  EXPECT_EQ(quorum_for({"b", "c", "d"}, {{"b", "c"}, 1}, confirmations, {}), 2);
  EXPECT_EQ(quorum_for({"b", "c"}, {{"b", "c"}, 1}, confirmations, {}), 1);
}

}  // namespace
}  // namespace holdfast::ha
