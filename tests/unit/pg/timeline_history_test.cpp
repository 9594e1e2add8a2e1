#include "pg/timeline_history.hpp"

#include <gtest/gtest.h>

namespace holdfast::pg {
namespace {

TEST(TimelineHistory, ReadsAHistoryFile) {
  const auto history = parse_timeline_history(
      "1\t0/3000060\tno recovery target specified\n"
      "# a comment\n\n"
      "  3   A/4B0  before 2026-11-23 15:50:49+00\r\n"
      "4\t1/0");
  ASSERT_TRUE(history) << history.error().message;
  EXPECT_EQ(*history, (TimelineHistory{{1, Lsn{0x3000060}, "no recovery target specified"},
                                       {3, Lsn{0xA000004B0}, "before 2026-11-23 15:50:49+00"},
                                       {4, Lsn{0x100000000}, ""}}));
  EXPECT_TRUE(parse_timeline_history("").value().empty());
}

TEST(TimelineHistory, NamesTheLineThatIsWrong) {
  EXPECT_EQ(parse_timeline_history("1\t0/30\tx\nzwei\t0/40\n").error().message,
            "timeline history, line 2: 'zwei' is no timeline");
  EXPECT_EQ(parse_timeline_history("1\n").error().message, "timeline history, line 1: '' is no WAL position");
  EXPECT_EQ(parse_timeline_history("2\t0/30\n2\t0/40\n").error().message,
            "timeline history, line 2: timeline 2 comes after 2");
}

}  // namespace
}  // namespace holdfast::pg
