// The cluster as a whole: seeds, in chunks so that they run side by side.
#include <gtest/gtest.h>

#include "sim/run.hpp"
#include "telemetry/log.hpp"

namespace holdfast::sim {
namespace {

constexpr std::uint64_t kSeedsInChunk = 25;
constexpr std::size_t kStoryLines = 60;

class Seeds : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override { telemetry::set_log_level(telemetry::Level::off); }
};

TEST_P(Seeds, AreSafeAndHeal) {
  for (auto seed = GetParam(); seed < GetParam() + kSeedsInChunk; ++seed) {
    const auto result = run_seed(seed);
    if (!result.violation) continue;
    std::string story;
    for (const auto& line : last_lines_of(seed, kStoryLines)) story += line + '\n';
    ADD_FAILURE() << "seed " << seed << " breaks \"" << result.violation->invariant
                  << "\": " << result.violation->what << "\n\n"
                  << story << "\nreplay it with: ./dev sim --seed " << seed << " --verbose";
  }
}

INSTANTIATE_TEST_SUITE_P(Simulation, Seeds, testing::Range<std::uint64_t>(1, 301, kSeedsInChunk));

class Same : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override { telemetry::set_log_level(telemetry::Level::off); }
};

TEST_P(Same, SeedGivesTheSameRun) {
  const auto first = run_seed(GetParam());
  std::size_t lines = 0;
  const auto second = run_seed(GetParam(), ha::rules(), [&](const std::string&) { ++lines; });
  EXPECT_EQ(first.fingerprint, second.fingerprint);
  EXPECT_EQ(first.decisions, second.decisions);
  EXPECT_EQ(first.acknowledged, second.acknowledged);
  EXPECT_GT(lines, 10u);
  EXPECT_NE(first.fingerprint, run_seed(GetParam() + 1).fingerprint);
}

INSTANTIATE_TEST_SUITE_P(Simulation, Same, testing::Values(1, 50, 112, 720));

TEST(SeedsTogether, DoSomethingWorthWatching) {
  telemetry::set_log_level(telemetry::Level::off);
  std::uint64_t acknowledged = 0, promotions = 0, rewinds = 0, clones = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto result = run_seed(seed);
    const auto count = [&](const char* rule) {
      const auto found = result.decisions.find(rule);
      return found == result.decisions.end() ? 0 : found->second;
    };
    acknowledged += result.acknowledged;
    promotions += count("leader.promote");
    rewinds += count("recovery.rewind");
    clones += count("bootstrap.clone");
  }
  EXPECT_GT(acknowledged, 2000u);
  EXPECT_GT(promotions, 10u);  // a leader whose lease is lost takes its key back, so not every fault is one
  EXPECT_GT(rewinds, 2u);
  EXPECT_GT(clones, 20u);
}

}  // namespace
}  // namespace holdfast::sim
