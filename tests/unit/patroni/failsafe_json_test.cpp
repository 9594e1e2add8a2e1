#include "patroni/failsafe_json.hpp"

#include <gmock/gmock.h>

namespace holdfast::patroni {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

ha::FailsafeRequest request_of_a() {
  return {.leader = {.name = "a",
                     .conn_url = "postgres://10.0.0.1:5432/postgres",
                     .api_url = "http://10.0.0.1:8008/patroni"},
          .slots = {{"a", pg::Lsn{67117128}}, {"b", pg::Lsn{67117000}}},
          .ttl = 30s};
}

TEST(FailsafeJson, IsWrittenAsPatroniReadsIt) {
  EXPECT_EQ(
      write_failsafe_request(request_of_a()),
      R"({"name": "a", "conn_url": "postgres://10.0.0.1:5432/postgres", )"
      R"("api_url": "http://10.0.0.1:8008/patroni", "slots": {"a": 67117128, "b": 67117000}, "ttl": 30})");
}

TEST(FailsafeJson, ReadsWhatItWrites) {
  const auto read = parse_failsafe_request(write_failsafe_request(request_of_a()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->leader.name, "a");
  EXPECT_EQ(read->leader.conn_url, "postgres://10.0.0.1:5432/postgres");
  EXPECT_EQ(read->leader.api_url, "http://10.0.0.1:8008/patroni");
  EXPECT_THAT(read->slots, ElementsAre(Pair("a", pg::Lsn{67117128}), Pair("b", pg::Lsn{67117000})));
  EXPECT_EQ(read->ttl, 30s);
}

TEST(FailsafeJson, ReadsPatronisWithoutATtlAndWithoutSlots) {
  const auto read = parse_failsafe_request(R"({"name":"a","conn_url":"c","api_url":"u","slots":null})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->slots, IsEmpty());
  EXPECT_EQ(read->ttl, 0s);
}

TEST(FailsafeJson, SaysWhatIsMissing) {
  const auto message = [](std::string_view body) {
    const auto read = parse_failsafe_request(body);
    return read ? std::string("accepted") : read.error().message;
  };
  EXPECT_THAT(message(R"({"conn_url":"c","api_url":"u"})"), HasSubstr("\"name\" is missing"));
  EXPECT_THAT(message(R"({"name":"a","conn_url":"c","api_url":1})"), HasSubstr("\"api_url\" is missing"));
  EXPECT_THAT(message(R"({"name":""})"), HasSubstr("\"name\" is missing"));
  EXPECT_NE(message("[]"), "accepted");
  EXPECT_NE(message(""), "accepted");
}

TEST(FailsafeJson, APromiseIsNotForever) {
  const auto read = parse_failsafe_request(R"({"name":"a","conn_url":"c","api_url":"u","ttl":99999999})");
  ASSERT_TRUE(read);
  EXPECT_LE(read->ttl, 24h);
}

TEST(FailsafeJson, PositionsAreDecimal) {
  EXPECT_EQ(parse_failsafe_lsn("67117128"), pg::Lsn{67117128});
  EXPECT_FALSE(parse_failsafe_lsn("0/3000000"));
  EXPECT_FALSE(parse_failsafe_lsn(""));
}

}  // namespace
}  // namespace holdfast::patroni
