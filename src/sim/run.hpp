// One seed: a phase in which anything may break while safety is watched, then one in which all must heal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ha/policy.hpp"
#include "sim/invariants.hpp"
#include "sim/story.hpp"

namespace holdfast::sim {

struct RunResult {
  std::uint64_t seed = 0;
  std::optional<Violation> violation;
  std::uint64_t fingerprint = 0;                // of all decisions and events
  std::uint64_t acknowledged = 0, unknown = 0;  // commits, as the clients know
  std::uint64_t lost = 0;                       // asynchronous: acknowledged, and gone in the end
  std::uint64_t events = 0;
  bool forked = false;  // see Judge
  Duration healed_after{};
  std::map<std::string, std::uint64_t, std::less<>> decisions;  // how often each rule decided
};

RunResult run_seed(std::uint64_t seed, std::span<const ha::Rule> rules = ha::rules(),
                   Story::Reader reader = {});

// The same seed again, told: the last `lines` of its story.
std::vector<std::string> last_lines_of(std::uint64_t seed, std::size_t lines,
                                       std::span<const ha::Rule> rules = ha::rules());

}  // namespace holdfast::sim
