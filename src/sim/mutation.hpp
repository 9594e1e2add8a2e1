// Does anybody notice when a rule of the policy is missing? A rule whose loss nobody notices is not finished.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ha/policy.hpp"

namespace holdfast::sim {

// The policy's table without one rule.
std::vector<ha::Rule> rules_without(std::string_view id);

struct MutationResult {
  std::string rule;
  std::uint64_t decided = 0;  // how often it decided something, in the runs with the whole table
  std::optional<std::uint64_t> noticed_by;  // the first seed that failed without it; absent: it survived
  std::string how;                          // which invariant, or that the program ended
};

struct MutationPlan {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 100;
  std::string only;  // this rule; empty: all
};

// Runs the seeds without each rule in turn, in a process of its own each, so that an assertion counts as
// noticed.
std::vector<MutationResult> mutate(const MutationPlan& plan,
                                   const std::function<void(const MutationResult&)>& report);

}  // namespace holdfast::sim
