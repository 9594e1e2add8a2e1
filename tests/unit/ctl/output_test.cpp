#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "ctl/cluster_table.hpp"
#include "ctl/unified_diff.hpp"
#include "ctl/yaml_text.hpp"
#include "patroni/json_text.hpp"
#include "patroni/yaml_node.hpp"
#include "unit/patroni/golden.hpp"

namespace holdfast::ctl {
namespace {

// What patronictl printed in each recorded state of a cluster, byte for byte.
class PatronictlOutput : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { contents_ = patroni::golden_cluster(GetParam()); }
  std::string golden(const char* file) const {
    return patroni::golden_text("cluster/" + GetParam() + "/" + file);
  }
  patroni::DcsContents contents_;
};

TEST_P(PatronictlOutput, ListIsTheSame) {
  EXPECT_EQ(show_cluster(contents_, "batman", Format::pretty), golden("list.txt"));
  EXPECT_EQ(show_cluster(contents_, "batman", Format::pretty, true), golden("list_extended.txt"));
  EXPECT_EQ(show_cluster(contents_, "batman", Format::tsv), golden("list.tsv"));
  EXPECT_EQ(show_cluster(contents_, "batman", Format::json), golden("list.json"));
  EXPECT_EQ(show_cluster(contents_, "batman", Format::yaml), golden("list.yaml"));
}

TEST_P(PatronictlOutput, TopologyIsTheSame) {
  EXPECT_EQ(show_cluster(contents_, "batman", Format::topology), golden("topology.txt"));
}

TEST_P(PatronictlOutput, HistoryIsTheSame) {
  EXPECT_EQ(show_history(contents_, Format::pretty), golden("history.txt"));
  EXPECT_EQ(show_history(contents_, Format::tsv), golden("history.tsv"));
  EXPECT_EQ(show_history(contents_, Format::json), golden("history.json"));
  EXPECT_EQ(show_history(contents_, Format::yaml), golden("history.yaml"));
}

TEST_P(PatronictlOutput, ConfigIsTheSame) {
  EXPECT_EQ(to_yaml(*contents_.config) + "\n", golden("show_config.yaml"));
}

INSTANTIATE_TEST_SUITE_P(All, PatronictlOutput, testing::ValuesIn(patroni::golden_clusters()),
                         [](const auto& instance) { return instance.param; });

std::string yaml(std::string_view json, YamlLayout layout = YamlLayout::block) {
  return to_yaml(*patroni::parse_json(json), layout);
}

TEST(YamlText, IsPyYamls) {
  struct Case {
    const char *json, *yaml;
  };
  const Case cases[] = {
      {R"("on")", "'on'\n"},
      {R"("5")", "'5'\n"},
      {R"("1.5")", "'1.5'\n"},
      {R"("")", "''\n"},
      {R"("a b")", "a b\n"},
      {R"("a: b")", "'a: b'\n"},
      {R"("a:b")", "a:b\n"},
      {R"("it's # not")", "'it''s # not'\n"},
      {R"("- x")", "'- x'\n"},
      {R"("-x")", "-x\n"},
      {R"("%p")", "'%p'\n"},
      {R"("2026-11-23")", "'2026-11-23'\n"},
      {R"("null")", "'null'\n"},
      {R"({"k":"a\nb"})", "k: 'a\n\n  b'\n"},
      {R"({"k":"a\n"})", "k: 'a\n\n  '\n"},
      {R"({"k":"it's\nq"})", "k: 'it''s\n\n  q'\n"},
      {R"({"k":"a \nb"})", "k: \"a \\nb\"\n"},
      {R"({"k":"tab\there"})", "k: \"tab\\there\"\n"},
      {R"([])", "[]\n"},
      {R"({"b":{},"a":[1,[2,3],{"x":null,"w":true}]})",
       "a:\n- 1\n- - 2\n  - 3\n- w: true\n  x: null\nb: {}\n"},
      {R"({"p":{"l":["x"],"f":1.0}})", "p:\n  f: 1.0\n  l:\n  - x\n"},
  };
  for (const auto& c : cases) EXPECT_EQ(yaml(c.json), c.yaml) << c.json;
  EXPECT_EQ(yaml(R"({"b":"x","a":[1,"y, z"]})", YamlLayout::flow), "{a: [1, 'y, z'], b: x}\n");
}

TEST(YamlText, FoldsLongLinesWherePyYamlDoes) {
  const auto words = [](int count) {
    std::string text = "word";
    for (int i = 1; i < count; ++i) text += " word";
    return text;
  };
  const auto shown = [](const boost::json::value& value) { return to_yaml(value); };
  EXPECT_EQ(shown({{"k", words(50)}}), "k: " + words(40) + "\n  " + words(10) + "\n");
  EXPECT_EQ(shown({{"k", "it's " + words(50) + ": x"}}),
            "k: 'it''s " + words(39) + "\n  " + words(11) + ": x'\n");
  EXPECT_EQ(shown({{"p", {{"l", boost::json::array{words(50)}}}}}),
            "p:\n  l:\n  - " + words(40) + "\n    " + words(10) + "\n");
  EXPECT_EQ(shown({{"k", "\t" + std::string(100, 'x') + " " + std::string(120, 'y') + " z"}}),
            "k: \"\\t" + std::string(100, 'x') + " " + std::string(120, 'y') + "\\\n  \\ z\"\n");
}

// Hunks as Python's difflib makes them.
TEST(UnifiedDiff, HasPythonsHunks) {
  EXPECT_EQ(unified_diff("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(unified_diff("a\nb\nc\nd\ne\nf\ng\nttl: 21\n", "a\nb\nc\nd\ne\nf\ng\nttl: 20\n"),
            "--- \n+++ \n@@ -5,4 +5,4 @@\n e\n f\n g\n-ttl: 21\n+ttl: 20\n");
  EXPECT_EQ(unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\nx\n3\n4\n5\n6\n7\n8\n9\n10\n"),
            "--- \n+++ \n@@ -1,5 +1,5 @@\n 1\n-2\n+x\n 3\n 4\n 5\n@@ -7,3 +7,4 @@\n 7\n 8\n 9\n+10\n");
  EXPECT_EQ(unified_diff("a: 1\n", "b: 2\n"), "--- \n+++ \n@@ -1 +1 @@\n-a: 1\n+b: 2\n");
  EXPECT_EQ(unified_diff("a\n", "a\nb\n", true),
            "\x1b[1m--- \x1b[0m\n\x1b[1m+++ \x1b[0m\n\x1b[36m@@ -1 +1,2 @@\x1b[0m\n a\n\x1b[32m+b\x1b[0m\n");
}

TEST(YamlText, IsReadBackAsItWasMeant) {
  for (const auto* text : {"on",       "5",     "-5",     "0x1F",       "1_0",
                           "1.5",      "1e3",   "1.0e+3", "~",          "null",
                           "",         " ",     "a ",     " a",         "a:",
                           ":a",       "a: b",  "a #b",   "#a",         "- a",
                           "-",        "--- a", "...",    "? a",        "?a",
                           "[a]",      "{a}",   "a, b",   "&a",         "*a",
                           "!a",       "|",     ">",      "%a",         "@a",
                           "`a",       "'",     "\"",     "it's",       "\"q\"",
                           "a\nb",     "\n",    "\na",    "a\n",        "a\n\nb\n",
                           "\ttab",    "\x7f",  "\u00e4", "2026-11-23", "2026-11-23 10:00:00",
                           "12:30:45", "=",     "<<",     "y",          "no",
                           "0o7",      "010",   ".5",     "+.inf",      "a\\b",
                           "C:\\x: y"})
    for (const auto layout : {YamlLayout::block, YamlLayout::flow}) {
      const boost::json::value value =
          boost::json::object{{text, boost::json::array{text, boost::json::object{{"k", text}}}}};
      const auto yaml_text = to_yaml(value, layout);
      const auto node = patroni::parse_yaml(yaml_text, "f");
      ASSERT_TRUE(node) << yaml_text << node.error().message;
      EXPECT_EQ(patroni::to_json(*node), value) << yaml_text;
    }
  const auto numbers = *patroni::parse_json("[1, -1, 1.5, 1e100, 9223372036854775807, true, null, [], {}]");
  EXPECT_EQ(patroni::to_json(*patroni::parse_yaml(to_yaml(numbers), "f")), numbers);
}

TEST(Topology, ForgetsNobody) {
  const patroni::Keys keys("service", "s");
  const std::vector<patroni::KeyValue> entries = {
      {keys.member("a"), R"({"tags":{"replicatefrom":"b"}})", 1, 1, 1},
      {keys.member("b"), R"({"tags":{"replicatefrom":"a"}})", 1, 1, 1},
      {keys.member("c"), "{}", 1, 1, 1},
      {keys.member("d"), R"({"tags":{"replicatefrom":"c"}})", 1, 1, 1},
  };
  const auto shown = show_cluster(patroni::read_contents(keys, 1, entries), "s", Format::topology);
  for (const auto* line : {"| + a ", "|   + b ", "| + c ", "|   + d "})
    EXPECT_NE(shown.find(line), std::string::npos) << line << "\n" << shown;
}

TEST(ClusterTable, ShowsOldMembersOnlyPosition) {
  const patroni::Keys keys("service", "s");
  const std::vector<patroni::KeyValue> entries = {
      {keys.status(), R"({"optime":50331648})", 1, 1, 0},
      {keys.member("a"), R"({"conn_url":"postgres://h:5432/","state":"running","xlog_location":16777216})", 1,
       1, 1},
  };
  const auto shown = show_cluster(patroni::read_contents(keys, 1, entries), "s", Format::tsv);
  EXPECT_EQ(shown,
            "Cluster\tMember\tHost\tRole\tState\tTL\tReceive LSN\tReceive Lag\tReplay LSN\tReplay Lag\n"
            "s\ta\th\tReplica\trunning\t\tunknown\t\t0/1000000\t32\n");
}

}  // namespace
}  // namespace holdfast::ctl
