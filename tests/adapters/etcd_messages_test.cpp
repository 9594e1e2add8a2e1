#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "etcd/messages.hpp"

namespace holdfast::etcd {
namespace {

using base::ErrorKind;
using testing::HasSubstr;
using namespace std::chrono_literals;

TEST(EtcdMessages, EndOfPrefix) {
  EXPECT_EQ(end_of_prefix("/service/batman/"), "/service/batman0");
  EXPECT_EQ(end_of_prefix("a\xff\xff"), "b");
  EXPECT_EQ(end_of_prefix(""), std::string(1, '\0'));
}

TEST(EtcdMessages, RequestsAreAsTheGatewayWantsThem) {
  EXPECT_EQ(range_request("/s/"), R"({"key":"L3Mv","range_end":"L3Mw","serializable":false})");
  EXPECT_EQ(grant_request(1500ms), R"({"TTL":"2"})");
  EXPECT_EQ(
      transaction_request(
          {.conditions = {ports::Compare::absent("a"), ports::Compare::unchanged_since("b", 7)},
           .writes = {ports::Put{"a", "1", 9}, ports::Delete{"b"}}}),
      R"({"compare":[{"key":"YQ==","result":"EQUAL","target":"CREATE","create_revision":"0"},)"
      R"({"key":"Yg==","result":"EQUAL","target":"MOD","mod_revision":"7"}],)"
      R"("success":[{"request_put":{"key":"YQ==","value":"MQ==","lease":"9"}},{"request_delete_range":{"key":"Yg=="}}]})");
}

constexpr std::string_view kHeader =
    R"("header":{"cluster_id":"13455796455940752355","revision":"12","raft_term":"3"})";

TEST(EtcdMessages, RepliesAreReadWithTheirDefaults) {
  auto reply = parse_reply(
      fmt::format(R"({{{},"kvs":[{{"key":"YQ==","create_revision":"2","mod_revision":"4"}}]}})", kHeader));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->header.cluster_id, 13455796455940752355U);
  const auto snapshot = parse_snapshot(*reply);
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->revision, 12);
  EXPECT_EQ(snapshot->raft_term, 3U);
  ASSERT_EQ(snapshot->entries.size(), 1U);
  EXPECT_EQ(snapshot->entries[0].key, "a");
  EXPECT_EQ(snapshot->entries[0].value, "");
  EXPECT_EQ(snapshot->entries[0].mod_revision, 4);
  EXPECT_FALSE(succeeded(*reply));

  const auto renewed =
      parse_reply(fmt::format("{{\"result\":{{{},\"ID\":\"5\",\"TTL\":\"10\"}}}}\n", kHeader));
  ASSERT_TRUE(renewed) << renewed.error().message;
  EXPECT_TRUE(lease_renewed(*renewed));
  const auto lost = parse_reply(fmt::format("{{\"result\":{{{},\"ID\":\"5\"}}}}\n", kHeader));
  ASSERT_TRUE(lost);
  EXPECT_FALSE(lease_renewed(*lost));
}

TEST(EtcdMessages, OddRepliesAreInvalid) {
  for (const auto* odd : {"", "null", "[]", "{", "{}", "<html>", R"({"header":"x"})",
                          R"({"header":{"revision":"1"}})", R"({"result":{}})", R"({"result":[]})"}) {
    const auto reply = parse_reply(odd);
    ASSERT_FALSE(reply) << odd;
    EXPECT_EQ(reply.error().kind, ErrorKind::invalid);
  }
  for (const auto* kvs : {R"([1])", R"([{"key":"%%"}])", R"([{"key":"YQ==","value":"Y"}])"}) {
    const auto reply = parse_reply(fmt::format(R"({{{},"kvs":{}}})", kHeader, kvs));
    ASSERT_TRUE(reply);
    EXPECT_FALSE(parse_snapshot(*reply)) << kvs;
  }
}

TEST(EtcdMessages, ErrorsSayWhatTheyMeanForTheCall) {
  const auto meaning = [](int code, std::string_view message) {
    return parse_failure(503, fmt::format(R"({{"error":"{0}","message":"{0}","code":{1}}})", message, code))
        .meaning;
  };
  EXPECT_EQ(meaning(14, "etcdserver: no leader"), Meaning::nothing_happened);
  EXPECT_EQ(meaning(8, "etcdserver: too many requests"), Meaning::nothing_happened);
  EXPECT_EQ(meaning(14, "etcdserver: request timed out"), Meaning::unknown);
  EXPECT_EQ(meaning(14, "etcdserver: request timed out, possibly due to previous leader failure"),
            Meaning::unknown);
  EXPECT_EQ(meaning(14, "etcdserver: leader changed"), Meaning::unknown);
  EXPECT_EQ(meaning(14, "etcdserver: server stopped"), Meaning::unknown);
  EXPECT_EQ(meaning(4, "context deadline exceeded"), Meaning::unknown);
  EXPECT_EQ(meaning(2, "something new"), Meaning::unknown);
  EXPECT_EQ(meaning(5, "etcdserver: requested lease not found"), Meaning::lease_lost);
  EXPECT_EQ(meaning(16, "etcdserver: invalid auth token"), Meaning::token_invalid);
  EXPECT_EQ(meaning(3, "etcdserver: revision of auth store is old"), Meaning::token_invalid);
  EXPECT_EQ(meaning(7, "etcdserver: permission denied"), Meaning::refused);
  EXPECT_EQ(meaning(11, "etcdserver: mvcc: required revision has been compacted"), Meaning::compacted);
  EXPECT_EQ(parse_failure(404, "Not Found").meaning, Meaning::unusable);
  EXPECT_THAT(parse_failure(404, "Not Found").message, HasSubstr("enable-grpc-gateway"));
  EXPECT_EQ(parse_failure(502, "<html>Bad Gateway").meaning, Meaning::unknown);
  EXPECT_EQ(
      parse_failure(200, R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}})")
          .meaning,
      Meaning::nothing_happened);
}

TEST(EtcdMessages, WatchLines) {
  const auto created = parse_watch_line(fmt::format(R"({{"result":{{{},"created":true}}}})", kHeader));
  ASSERT_TRUE(std::holds_alternative<WatchCreated>(created));
  EXPECT_EQ(std::get<WatchCreated>(created).revision, 12);

  const auto line = parse_watch_line(fmt::format(
      R"({{"result":{{{},"events":[{{"kv":{{"key":"YQ==","mod_revision":"11"}}}},{{"type":"DELETE","kv":{{"key":"Yg==","mod_revision":"12"}}}}]}}}})",
      kHeader));
  ASSERT_TRUE(std::holds_alternative<WatchEvents>(line));
  const auto& events = std::get<WatchEvents>(line);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, ports::WatchEvent::Kind::put);
  EXPECT_EQ(events[1].kind, ports::WatchEvent::Kind::remove);
  EXPECT_EQ(events[1].entry.mod_revision, 12);

  const auto meaning = [](std::string_view text) {
    return std::get<Failure>(parse_watch_line(text)).meaning;
  };
  EXPECT_EQ(meaning(R"({"result":{"canceled":true,"compact_revision":"9"}})"), Meaning::compacted);
  EXPECT_EQ(
      meaning(
          R"({"result":{"canceled":true,"cancel_reason":"rpc error: code = PermissionDenied desc = etcdserver: permission denied"}})"),
      Meaning::token_invalid);
  EXPECT_EQ(meaning(R"({"error":{"grpc_code":14,"message":"etcdserver: no leader"}})"),
            Meaning::nothing_happened);
  EXPECT_EQ(
      meaning(
          R"({"result":{"canceled":true,"cancel_reason":"rpc error: desc = etcdserver: invalid auth token"}})"),
      Meaning::token_invalid);
  EXPECT_EQ(meaning(R"({"result":{"canceled":true,"cancel_reason":"etcdserver: no leader"}})"),
            Meaning::nothing_happened);
  EXPECT_EQ(meaning(R"({"result":{"canceled":true}})"), Meaning::unknown);
  EXPECT_EQ(meaning("garbage"), Meaning::unusable);
  EXPECT_EQ(meaning(R"({"result":{"events":[{"kv":7}]}})"), Meaning::unusable);
}

}  // namespace
}  // namespace holdfast::etcd
