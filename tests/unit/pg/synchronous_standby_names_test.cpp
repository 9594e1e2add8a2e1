#include "pg/synchronous_standby_names.hpp"

#include <gtest/gtest.h>

namespace holdfast::pg {
namespace {

using Method = SynchronousStandbys::Method;

TEST(SynchronousStandbyNames, AreWrittenAsPatroniWritesThem) {
  EXPECT_EQ(synchronous_standby_names({}), "");
  EXPECT_EQ(synchronous_standby_names({"node1"}), R"("node1")");
  EXPECT_EQ(synchronous_standby_names({"postgres-1"}), R"("postgres-1")");
  EXPECT_EQ(synchronous_standby_names({"a", "postgres-2"}), R"(2 ("a","postgres-2"))");
  EXPECT_EQ(synchronous_standby_names({"First"}), R"("First")");
  EXPECT_EQ(synchronous_standby_names({"a\"b"}), R"("a""b")");
  EXPECT_EQ(to_string(SynchronousStandbys{.count = 1, .everybody = true}), "*");
  EXPECT_EQ(to_string(SynchronousStandbys{.method = Method::any, .count = 1, .names = {"postgres-0"}}),
            R"(ANY 1 ("postgres-0"))");
  EXPECT_EQ(to_string(SynchronousStandbys{.method = Method::any, .count = 1, .names = {"a", "b"}}),
            R"(ANY 1 ("a","b"))");
}

TEST(SynchronousStandbyNames, ReadBackWhatWasWritten) {
  for (const auto& standbys : {
           SynchronousStandbys{},
           SynchronousStandbys{.count = 1, .names = {"postgres-1"}},
           SynchronousStandbys{.count = 2, .names = {"a", "quo\"te", "first"}},
           SynchronousStandbys{.count = 1, .everybody = true},
           SynchronousStandbys{.method = Method::any, .count = 2, .names = {"a", "b"}, .everybody = true},
       }) {
    const auto read = parse_synchronous_standby_names(to_string(standbys));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, standbys) << to_string(standbys);
  }
}

TEST(SynchronousStandbyNames, ReadAllOfPostgresqlsSpellings) {
  const auto read = [](std::string_view text) { return parse_synchronous_standby_names(text).value(); };
  EXPECT_EQ(read(" a , B "), (SynchronousStandbys{.count = 1, .names = {"a", "B"}}));
  EXPECT_EQ(read("2(a,b)"), (SynchronousStandbys{.count = 2, .names = {"a", "b"}}));
  EXPECT_EQ(read("FiRsT 3 (a, \"b c\")"), (SynchronousStandbys{.count = 3, .names = {"a", "b c"}}));
  EXPECT_EQ(read("any 4(\"a\",*,b)"),
            (SynchronousStandbys{.method = Method::any, .count = 4, .names = {"a", "b"}, .everybody = true}));
  EXPECT_EQ(read("1"), (SynchronousStandbys{.count = 1, .names = {"1"}}));
  EXPECT_EQ(read("\t\n"), SynchronousStandbys{});
}

TEST(SynchronousStandbyNames, RefuseWhatPostgresqlRefuses) {
  for (const auto* text : {"a,", ",", "a b", "ANY 4 (\"a\" b)", "FIRST 4 (a,)", "2 (,)", "0 (a)", "2 a",
                           "ANY 2", "ANY 2, b", "b 2 (a)", "2 (a) b", "2 (a", "\"a", "a;b"})
    EXPECT_FALSE(parse_synchronous_standby_names(text)) << text;
  EXPECT_EQ(parse_synchronous_standby_names("2 (a b").error().message,
            "synchronous_standby_names '2 (a b' does not parse at 'b'");
}

TEST(SynchronousStandbyNames, NamesInASetting) {
  EXPECT_EQ(standbys_named("2 (b,\"a-1\",*)"), (std::set<std::string>{"a-1", "b"}));
  EXPECT_TRUE(standbys_named("").empty());
  EXPECT_TRUE(standbys_named("a,").empty());
}

}  // namespace
}  // namespace holdfast::pg
