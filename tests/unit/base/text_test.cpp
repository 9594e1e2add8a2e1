// Times, amounts and other texts that people read.
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace holdfast::base {
namespace {

TEST(DurationText, HasAboutTwoDigits) {
  EXPECT_EQ(to_string(Duration(250us)), "250 us");
  EXPECT_EQ(to_string(Duration(1500ms)), "1.5 s");
  EXPECT_EQ(to_string(Duration(12ms)), "12 ms");
  EXPECT_EQ(to_string(Duration(30min)), "30 min");
}

TEST(WallTimeText, IsWhatPythonWrites) {
  const WallTime time =
      std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 15h + 50min + 59s + 172717us;
  EXPECT_EQ(to_iso8601(time), "2026-11-23T15:50:59.172717+00:00");
  EXPECT_EQ(to_python_text(time), "2026-11-23 15:50:59.172717+00:00");
  EXPECT_EQ(to_iso8601(time - 172717us), "2026-11-23T15:50:59+00:00");
}

TEST(ErrorText, SaysWhatWeWereDoing) {
  const auto error = in("reading the cluster", Error{ErrorKind::timed_out, "no answer"}).error();
  EXPECT_EQ(error.message, "reading the cluster: no answer");
  EXPECT_EQ(error.kind, ErrorKind::timed_out);
}

TEST(Random, IsTheSameForTheSameSeed) {
  Random a(7), b(7), c(8);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
  for (int i = 0; i < 1000; ++i) {
    const auto number = a.between(-3, 3);
    EXPECT_GE(number, -3);
    EXPECT_LE(number, 3);
  }
}

TEST(Base64, GoesBothWaysAndRefusesGarbage) {
  for (const std::string text : {"", "a", "ab", "abc", "user:pa\xffss\n"})
    EXPECT_EQ(from_base64(to_base64(text)), text);
  EXPECT_EQ(to_base64("username:password"), "dXNlcm5hbWU6cGFzc3dvcmQ=");
  EXPECT_FALSE(from_base64("a"));
  EXPECT_FALSE(from_base64("a!b="));
}

}  // namespace
}  // namespace holdfast::base
