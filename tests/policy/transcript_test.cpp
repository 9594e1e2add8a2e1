// Plays every transcript of this folder, each as a test of its own.
#include "policy/transcript.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

#include "ha/policy.hpp"

namespace holdfast::policy_tests {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(HOLDFAST_SOURCE_DIR) / "tests" / "policy";

std::vector<std::string> all_stories() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kFolder))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

std::string content(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class Transcript : public testing::TestWithParam<std::string> {};

TEST_P(Transcript, IsWhatThePolicyTells) {
  const auto path = kFolder / (GetParam() + ".txt");
  const auto written = content(path);
  const auto telling = tell(written);
  const bool update = std::getenv("HOLDFAST_UPDATE") && telling.readable;
  if (!update) {
    for (const auto& complaint : telling.complaints)
      ADD_FAILURE_AT(path.c_str(), complaint.line) << complaint.text;
  } else if (telling.text != written) {
    std::ofstream(path) << telling.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Policy, Transcript, testing::ValuesIn(all_stories()),
                         [](const auto& story) { return story.param; });

TEST(Transcripts, NameEveryRule) {
  std::set<std::string, std::less<>> named;
  for (const auto& story : all_stories())
    for (auto& id : rules_named(content(kFolder / (story + ".txt")))) named.insert(std::move(id));
  for (const auto& rule : ha::rules())
    EXPECT_TRUE(named.contains(rule.id)) << rule.id << " decides in no transcript of " << kFolder;
}

// The interpreter
// ------------------------------------------------------------------------------------------------

TEST(Interpreter, TellsWhatThePolicyDecides) {
  const std::string story = "# A story\n\nme b  members a, b  leader a  postgres standby 0/3 of a\n";
  const auto told = tell(story + "tick -> nothing\n");
  ASSERT_EQ(told.complaints.size(), 1u);
  EXPECT_EQ(told.complaints[0].line, 4);
  EXPECT_TRUE(told.complaints[0].text.contains("decided  replica.wait")) << told.complaints[0].text;
  EXPECT_TRUE(tell(told.text).complaints.empty()) << told.text;
}

TEST(Interpreter, NamesTheLineThatCannotBeRead) {
  const auto complaint = [](std::string_view text) {
    const auto told = tell(text);
    return told.complaints.empty() ? std::string("none")
                                   : std::to_string(told.complaints[0].line) + ": " + told.complaints[0].text;
  };
  EXPECT_TRUE(complaint("# ok\nme b\nlieder none\n").starts_with("3: 'lieder' is no directive; there are"));
  EXPECT_EQ(complaint("optime 5\n"), "1: in 'optime 5': '5' is no WAL position like 0/3000060");
  EXPECT_EQ(complaint("time +2h\n"), "1: in 'time +2h': '+2h' is no time like 100ms, 2s or 30min");
  EXPECT_EQ(complaint("me b c\n"), "1: in 'me b c': 'c' is not understood here");
  EXPECT_EQ(complaint("leader\n"), "1: in 'leader': a member's name, or none is missing at the end");
  EXPECT_EQ(complaint("tick leader none\n"), "1: 'tick leader none': a tick stands on a line of its own");
  EXPECT_EQ(complaint("names b\n"),
            "1: in 'names b': say first that PostgreSQL runs: postgres primary 0/3000060");
}

}  // namespace
}  // namespace holdfast::policy_tests
