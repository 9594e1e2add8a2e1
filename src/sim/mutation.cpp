#include "sim/mutation.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/run.hpp"

namespace holdfast::sim {
namespace {

// A run that does not end is noticed too; an undisturbed one takes well below a second.
constexpr unsigned kLongestRun = 60;  // seconds

// The child: tells each seed before it runs it, so that the parent knows which one ended it.
[[noreturn]] void run_in_child(int tell, const std::vector<ha::Rule>& table, const MutationPlan& plan) {
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);  // what an assertion says is of no interest here
  for (auto seed = plan.first_seed; seed < plan.first_seed + plan.seeds; ++seed) {
    alarm(kLongestRun);
    auto line = fmt::format("{}\n", seed);
    if (write(tell, line.data(), line.size()) < 0) _exit(2);
    const auto result = run_seed(seed, table);
    if (!result.violation) continue;
    line = fmt::format("{}\n", result.violation->invariant);
    if (write(tell, line.data(), line.size()) < 0) _exit(2);
    _exit(1);
  }
  _exit(0);
}

std::vector<std::string> read_lines(int from) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto count = read(from, buffer.data(), buffer.size());
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

void judge_without(MutationResult& result, const MutationPlan& plan) {
  const auto table = rules_without(result.rule);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return;
  const auto child = fork();
  if (child == 0) run_in_child(ends[1], table, plan);
  close(ends[1]);
  const auto lines = read_lines(ends[0]);
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  const bool judged = WIFEXITED(status) && WEXITSTATUS(status) == 1 && lines.size() >= 2;
  const auto& seed = judged ? lines[lines.size() - 2] : lines.empty() ? std::string("0") : lines.back();
  result.noticed_by = std::stoull(seed);
  result.how = judged                                               ? lines.back()
               : WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it does not end"
                                                                    : "an assertion";
}

}  // namespace

std::vector<ha::Rule> rules_without(std::string_view id) {
  std::vector<ha::Rule> table;
  for (const auto& rule : ha::rules()) {
    if (rule.id != id) table.push_back(rule);
  }
  return table;
}

std::vector<MutationResult> mutate(const MutationPlan& plan,
                                   const std::function<void(const MutationResult&)>& report) {
  std::map<std::string, std::uint64_t, std::less<>> decisions;
  for (auto seed = plan.first_seed; seed < plan.first_seed + plan.seeds; ++seed) {
    for (const auto& [rule, count] : run_seed(seed).decisions) decisions[rule] += count;
  }
  std::vector<MutationResult> results;
  for (const auto& rule : ha::rules()) {
    if (!plan.only.empty() && rule.id != plan.only) continue;
    auto& result = results.emplace_back();
    result.rule = rule.id;
    result.decided = decisions[result.rule];
    if (result.decided > 0) judge_without(result, plan);
    report(result);
  }
  return results;
}

}  // namespace holdfast::sim
