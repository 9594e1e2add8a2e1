#include "patroni/dcs_values.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>

#include "patroni/json_text.hpp"
#include "unit/patroni/golden.hpp"

namespace holdfast::patroni {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Keys kKeys("/service/", "batman");

KeyValue entry(std::string_view name, std::string value, std::int64_t mod = 7, std::int64_t lease = 0) {
  return {kKeys.prefix() + std::string(name), std::move(value), 5, mod, lease};
}

TEST(Keys, NormalisesTheNamespaceLikePatroni) {
  for (const auto* given : {"service", "/service", "service/", "/service/", "//service//"})
    EXPECT_EQ(Keys(given, "batman").leader(), "/service/batman/leader") << given;
  EXPECT_EQ(Keys("", "batman").prefix(), "/batman/");
  EXPECT_EQ(Keys("/a//b/", "batman").prefix(), "/a/b/batman/");
  EXPECT_EQ(kKeys.member("node1"), "/service/batman/members/node1");
  EXPECT_EQ(kKeys.relative("/service/batman/members/a"), "members/a");
  EXPECT_EQ(kKeys.relative("/service/batman2/leader"), "");
}

TEST(GoldenEtcd, MembersAreWrittenBackByteForByte) {
  for (const auto& line : golden_lines("etcd/members.jsonl")) {
    const auto value = parse_member_value(line);
    ASSERT_TRUE(value) << line << value.error().message;
    EXPECT_EQ(write_member_value(*value), line);
    EXPECT_NE(value->state, ha::MemberState::unknown) << line;
  }
}

TEST(GoldenEtcd, SyncIsWrittenBackByteForByte) {
  for (const auto& line : golden_lines("etcd/sync.jsonl")) {
    const auto value = parse_sync(line);
    ASSERT_TRUE(value) << line;
    EXPECT_EQ(write_sync(*value), line);
  }
}

TEST(GoldenEtcd, StatusIsWrittenBackByteForByte) {
  for (const auto& line : golden_lines("etcd/status.jsonl")) {
    const auto value = parse_status(line);
    ASSERT_TRUE(value) << line;
    EXPECT_EQ(write_status(*value), line);
  }
}

TEST(GoldenEtcd, FailoverIsWrittenBackByteForByte) {
  for (const auto& line : golden_lines("etcd/failover.jsonl")) {
    const auto value = parse_failover(line);
    ASSERT_TRUE(value) << line;
    EXPECT_EQ(write_failover(*value), line);
  }
}

TEST(GoldenEtcd, HistoryIsWrittenBackByteForByte) {
  for (const auto& line : golden_lines("etcd/history.jsonl")) {
    const auto value = parse_history(line);
    ASSERT_TRUE(value) << line;
    EXPECT_EQ(write_history(*value), line);
  }
}

TEST(GoldenEtcd, ConfigIsWrittenBackByteForByte) {
  for (const auto& line : golden_lines("etcd/config.jsonl")) {
    const auto value = parse_json_object(line);
    ASSERT_TRUE(value) << line;
    EXPECT_EQ(write_config(*value), line);
  }
}

TEST(ReadContents, MakesAViewOfAWholeCluster) {
  const std::vector<KeyValue> entries = {
      entry("config", R"({"ttl":30,"loop_wait":2})", 11),
      entry("failover", "{}", 12),
      entry("failsafe", R"({"a":"http://h:8008/patroni"})"),
      entry("history", R"([[1,83886080,"no recovery target specified","2026-11-23T15:50:59+00:00","b"]])"),
      entry("initialize", "7711394910388187191", 13),
      {kKeys.leader(), "a", 20, 25, 77},
      entry("members/b",
            R"({"conn_url":"postgres://h:5433/postgres","state":"running","role":"replica",)"
            R"("version":"4.1.4","tags":{"nofailover":true,"custom":"x"},"xlog_location":"96",)"
            R"("timeline":2,"holdfast":"0.1.0"})",
            30, 78),
      entry("members/a", R"({"state":"running","role":"primary","timeline":2})", 31, 77),
      entry("status", R"({"optime":24470192,"slots":{"b":24470000},"retain_slots":["b"]})"),
      entry("sync", R"({"leader":"a","quorum":0,"sync_standby":"b, c"})", 40),
  };
  const auto contents = read_contents(kKeys, 99, entries);
  const auto& view = contents.view;
  EXPECT_THAT(contents.problems, IsEmpty());
  EXPECT_EQ(view.revision, 99);
  EXPECT_EQ(view.initialize, "7711394910388187191");
  EXPECT_EQ(view.initialize_revision, 13);
  EXPECT_TRUE(view.has_config);
  EXPECT_EQ(view.config_revision, 11);
  ASSERT_TRUE(view.leader);
  EXPECT_EQ(view.leader->name, "a");
  EXPECT_EQ(view.leader->epoch, 20);
  EXPECT_EQ(view.leader->mod_revision, 25);
  EXPECT_EQ(view.leader->lease, 77);
  ASSERT_THAT(view.members, SizeIs(2));
  EXPECT_EQ(view.members[0].name, "a") << "members are in order of name";
  const auto* b = view.member("b");
  ASSERT_TRUE(b);
  EXPECT_TRUE(b->tags.nofailover);
  EXPECT_EQ(b->xlog_location, pg::Lsn{96}) << "numbers may come as text";
  EXPECT_EQ(b->holdfast, "0.1.0");
  EXPECT_EQ(b->lease, 78);
  EXPECT_EQ(contents.members.at("b").tags.at("custom"), "x");
  ASSERT_TRUE(view.sync);
  EXPECT_THAT(view.sync->standbys, ElementsAre("b", "c"));
  EXPECT_EQ(view.sync->mod_revision, 40);
  EXPECT_FALSE(view.failover) << "{} asks for nothing";
  EXPECT_EQ(view.failover_revision, 12);
  EXPECT_EQ(view.status.optime, pg::Lsn{24470192});
  EXPECT_EQ(view.status.slots.at("b"), pg::Lsn{24470000});
  EXPECT_THAT(view.status.retain_slots, ElementsAre("b"));
  EXPECT_THAT(view.history, ElementsAre(1U));
  EXPECT_EQ(view.failsafe.at("a"), "http://h:8008/patroni");
  ASSERT_TRUE(contents.config);
  EXPECT_EQ(contents.config->at("ttl"), 30);
}

TEST(ReadContents, OfNothingIsAnEmptyView) {
  const auto contents = read_contents(kKeys, 3, {});
  EXPECT_FALSE(contents.view.initialize);
  EXPECT_FALSE(contents.view.leader);
  EXPECT_FALSE(contents.view.has_config);
  EXPECT_FALSE(contents.view.sync);
}

TEST(ReadContents, BootstrapInProgressIsAnEmptyInitializeKey) {
  const std::vector<KeyValue> entries = {entry("initialize", "")};
  EXPECT_EQ(read_contents(kKeys, 3, entries).view.initialize, "");
}

// Each text is put into each key: nothing crashes, the key is named, and all other keys are still read.
TEST(ReadContents, OneBadKeyHidesNoOther) {
  const std::vector<std::string> bad_texts = {
      "",         "{",
      "nonsense", "\xff\xfe",
      "[1,2",     R"({"leader":)",
      "{} {}",    std::string(100000, '['),
      "\"text\"", "{\"a\":1,}",
  };
  const std::vector<KeyValue> good = {
      entry("config", R"({"ttl":30})"),
      entry("failover", R"({"leader":"a"})"),
      entry("failsafe", R"({"a":"u"})"),
      entry("history", R"([[1,5,"r"]])"),
      {kKeys.leader(), "a", 20, 25, 77},
      entry("members/a", R"({"state":"running"})"),
      entry("members/b", R"({"state":"stopped"})"),
      entry("status", R"({"optime":1})"),
      entry("sync", R"({"leader":"a","quorum":0,"sync_standby":"b"})", 40),
  };
  for (std::size_t i = 0; i < good.size(); ++i) {
    if (good[i].key == kKeys.leader()) continue;  // any text is a name
    for (const auto& text : bad_texts) {
      auto entries = good;
      entries[i].value = text;
      const auto contents = read_contents(kKeys, 1, entries);
      ASSERT_THAT(contents.problems, SizeIs(1)) << good[i].key << " = " << text.substr(0, 50);
      EXPECT_THAT(contents.problems[0], HasSubstr(good[i].key));
      EXPECT_THAT(contents.view.members, SizeIs(2));
      EXPECT_TRUE(contents.view.has_config);
      EXPECT_TRUE(contents.view.sync);
      EXPECT_TRUE(contents.view.leader);
      EXPECT_EQ(contents.history.size(), entries[i].key == kKeys.history() ? 0U : 1U);
      EXPECT_EQ(contents.view.failover.has_value(), entries[i].key != kKeys.failover());
    }
  }
}

TEST(ReadContents, AnUnreadableSyncKeyMakesNobodySynchronous) {
  const std::vector<KeyValue> entries = {entry("sync", R"({"leader":"a","quorum":"many"})", 40)};
  const auto contents = read_contents(kKeys, 1, entries);
  ASSERT_TRUE(contents.view.sync);
  EXPECT_FALSE(contents.view.sync->readable);
  EXPECT_FALSE(contents.view.sync->includes("a"));
  EXPECT_EQ(contents.view.sync->mod_revision, 40) << "so that it can be replaced";
}

TEST(ReadContents, AScheduleThatIsNotUnderstoodIsNotNow) {
  const std::vector<KeyValue> entries = {entry("failover", R"({"leader":"a","scheduled_at":"tomorrow"})")};
  const auto contents = read_contents(kKeys, 1, entries);
  EXPECT_FALSE(contents.view.failover);
  EXPECT_THAT(contents.problems, ElementsAre(HasSubstr("scheduled_at")));
}

TEST(MemberValue, AFieldOfAWrongTypeCountsAsAbsent) {
  const auto value = parse_member_value(
      R"({"conn_url":1,"state":["running"],"role":"master","tags":[],"xlog_location":-1,"timeline":"x","pause":"on"})");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->conn_url, "");
  EXPECT_EQ(value->state, ha::MemberState::unknown);
  EXPECT_EQ(value->role, ha::MemberRole::primary) << "the role's name before Patroni 4";
  EXPECT_TRUE(value->tags.empty());
  EXPECT_FALSE(value->xlog_location);
  EXPECT_FALSE(value->timeline);
  EXPECT_TRUE(value->pause);
}

TEST(Status, IsAPlainNumberInOldClusters) {
  const auto status = parse_status("24470192");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->optime, pg::Lsn{24470192});
}

ha::Tags tags_of(std::string_view json) { return parse_tags(*parse_json_object(json)); }

TEST(Tags, AreReadLikePatroni) {
  EXPECT_FALSE(tags_of("{}").nofailover);
  EXPECT_EQ(tags_of("{}").failover_priority, 1);
  EXPECT_TRUE(tags_of(R"({"nofailover":true})").nofailover);
  EXPECT_EQ(tags_of(R"({"nofailover":true,"failover_priority":2})").failover_priority, 0)
      << "nofailover wins";
  EXPECT_TRUE(tags_of(R"({"nofailover":"true"})").nofailover);
  EXPECT_FALSE(tags_of(R"({"nofailover":false,"failover_priority":0})").nofailover) << "nofailover wins";
  EXPECT_TRUE(tags_of(R"({"failover_priority":"0"})").nofailover);
  EXPECT_EQ(tags_of(R"({"failover_priority":"3"})").failover_priority, 3);
  EXPECT_TRUE(tags_of(R"({"sync_priority":-1})").nosync);
  EXPECT_EQ(tags_of(R"({"replicatefrom":"a"})").replicatefrom, "a");
  EXPECT_TRUE(tags_of(R"({"clonefrom":"on","noloadbalance":1})").noloadbalance);
}

TEST(Tags, OffOnesAreNotPublished) {
  const auto configured = *parse_json_object(
      R"({"clonefrom":false,"nofailover":false,"failover_priority":"1","nosync":false,"new_tag":"v","off_tag":false})");
  EXPECT_EQ(to_json_text(published_tags(configured), JsonLayout::compact),
            R"({"nofailover":false,"failover_priority":"1","new_tag":"v","off_tag":false})");
}

TEST(JsonText, IsPythons) {
  const auto value =
      *parse_json("{\"a\":[1,2.0,true,null],\"\\u00e4\":\"\\ud83d\\ude00\\n\\u007f/\",\"e\":{}}");
  EXPECT_EQ(to_json_text(value, JsonLayout::spaced),
            "{\"a\": [1, 2.0, true, null], \"\\u00e4\": \"\\ud83d\\ude00\\n\x7f/\", \"e\": {}}");
  EXPECT_EQ(to_json_text(*parse_json("1e100"), JsonLayout::compact), "1e+100");
}

}  // namespace
}  // namespace holdfast::patroni
