#include "main/sim_program.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "sim/mutation.hpp"
#include "sim/run.hpp"
#include "telemetry/log.hpp"

namespace holdfast {
namespace {

constexpr std::size_t kStoryLines = 80;

constexpr std::string_view kUsage =
    "usage: holdfast sim [--seeds N] [--from M]      run N seeds, from seed M on (300, 1)\n"
    "       holdfast sim --seed N [--verbose]        replay one, telling the whole story\n"
    "       holdfast sim --mutate [--seeds N] [--rule ID]\n"
    "                                                take out each rule of the policy in turn: who "
    "notices?\n";

struct Options {
  std::uint64_t seeds = 300, from = 1;
  std::optional<std::uint64_t> seed;
  bool verbose = false, mutate = false;
  std::string rule;
  std::string problem;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (name == "--verbose") {
      options.verbose = true;
    } else if (name == "--mutate") {
      options.mutate = true;
    } else if (name == "--rule") {
      options.rule = value;
      ++i;
    } else if (const auto parsed = number(value);
               parsed && (name == "--seeds" || name == "--from" || name == "--seed")) {
      if (name == "--seed") options.seed = parsed;
      (name == "--from" ? options.from : name == "--seeds" ? options.seeds : *options.seed) = *parsed;
      ++i;
    } else {
      options.problem = fmt::format("{} {}: not understood", name, value);
      return options;
    }
  }
  return options;
}

void tell_failure(const sim::RunResult& result) {
  fmt::print("\nseed {} breaks \"{}\": {}\n\n", result.seed, result.violation->invariant,
             result.violation->what);
  for (const auto& line : sim::last_lines_of(result.seed, kStoryLines)) fmt::print("{}\n", line);
  fmt::print("\nreplay it with: ./dev sim --seed {} --verbose\n", result.seed);
}

int replay(const Options& options) {
  const auto result =
      sim::run_seed(*options.seed, ha::rules(),
                    options.verbose ? sim::Story::Reader([](std::string line) { fmt::print("{}\n", line); })
                                    : sim::Story::Reader());
  if (result.violation) {
    if (!options.verbose) tell_failure(result);
    return 1;
  }
  fmt::print(
      "seed {}: all is well; {} commits acknowledged, {} unknown, {} lost, whole {} after healing, "
      "fingerprint {:016x}\n",
      result.seed, result.acknowledged, result.unknown, result.lost, base::to_string(result.healed_after),
      result.fingerprint);
  return 0;
}

void tell_unused_rules(const std::map<std::string, std::uint64_t, std::less<>>& decisions) {
  std::string unused;
  for (const auto& rule : ha::rules()) {
    if (!decisions.contains(rule.id)) unused += fmt::format(" {}", rule.id);
  }
  if (!unused.empty()) fmt::print("rules that never decided:{}\n", unused);
}

int run_many(const Options& options) {
  const auto began = std::chrono::steady_clock::now();
  std::map<std::string, std::uint64_t, std::less<>> decisions;
  std::uint64_t failed = 0, acknowledged = 0, lost = 0, forked = 0;
  for (auto seed = options.from; seed < options.from + options.seeds; ++seed) {
    const auto result = sim::run_seed(seed);
    for (const auto& [rule, count] : result.decisions) decisions[rule] += count;
    acknowledged += result.acknowledged;
    lost += result.lost;
    forked += result.forked ? 1 : 0;
    if (!result.violation) continue;
    if (failed++ == 0) {
      tell_failure(result);
    } else {
      fmt::print("seed {} breaks \"{}\": {}\n", seed, result.violation->invariant, result.violation->what);
    }
    std::fflush(stdout);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{} seeds in {:.1f} s: {} failed; {} commits acknowledged, {} of asynchronous clusters lost\n",
             options.seeds, took.count(), failed, acknowledged, lost);
  if (forked > 0) fmt::print("{} asynchronous runs ended early: two timelines got the same number\n", forked);
  tell_unused_rules(decisions);
  return failed == 0 ? 0 : 1;
}

int run_mutations(const Options& options) {
  std::uint64_t survivors = 0;
  const auto tell = [&](const sim::MutationResult& result) {
    if (!result.noticed_by) ++survivors;
    fmt::print("{:32} decided {:>7} times; {}\n", result.rule, result.decided,
               result.noticed_by ? fmt::format("without it seed {} fails: {}", *result.noticed_by, result.how)
               : result.decided == 0 ? "NEVER USED"
                                     : "SURVIVES: nobody notices its loss");
    std::fflush(stdout);
  };
  sim::mutate({.first_seed = options.from, .seeds = options.seeds, .only = options.rule}, tell);
  fmt::print("{} rules survive {} seeds\n", survivors, options.seeds);
  return survivors == 0 ? 0 : 1;
}

}  // namespace

int run_sim(int argc, char** argv) {
  const auto options = parse(argc, argv);
  if (!options.problem.empty()) {
    fmt::print(stderr, "holdfast sim: {}\n{}", options.problem, kUsage);
    return 2;
  }
  telemetry::set_log_level(telemetry::Level::off);
  if (options.mutate) return run_mutations(options);
  return options.seed ? replay(options) : run_many(options);
}

}  // namespace holdfast
