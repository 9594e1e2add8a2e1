#include "sim/run.hpp"

#include <deque>
#include <utility>

#include "sim/cluster.hpp"
#include "sim/faults.hpp"

namespace holdfast::sim {
namespace {

constexpr Duration kToBootstrap = 25s;
constexpr Duration kRound = 250ms;
constexpr Duration kWholeFor = 2s;  // wholeness that does not last is none
constexpr Duration kToWrite = 10s;
constexpr Duration kToReplicate = 7s;  // longer than clients wait for an answer

std::uint64_t acknowledged(const Cluster& cluster) {
  std::uint64_t sum = 0;
  for (const auto& client : cluster.clients()) sum += client->counts().acknowledged;
  return sum;
}

// Until the cluster has been whole for a while; says whether it became so.
bool becomes_whole(Cluster& cluster, Duration bound) {
  const auto end = cluster.now() + bound;
  auto whole_since = cluster.now();
  std::string missing = "nothing";
  while (cluster.now() < end) {
    if (!cluster.run_for(kRound)) return false;
    missing = cluster.what_is_missing();
    if (!missing.empty()) whole_since = cluster.now();
    if (cluster.now() - whole_since >= kWholeFor) return true;
  }
  cluster.judge().report("liveness",
                         fmt::format("{} after everything was healed, {}", base::to_string(bound), missing));
  return false;
}

bool writes_again(Cluster& cluster) {
  const auto before = acknowledged(cluster);
  if (!cluster.run_for(kToWrite)) return false;
  if (acknowledged(cluster) > before) return true;
  cluster.judge().report("liveness", "the cluster is whole, but no commit is acknowledged");
  return false;
}

void run_phases(Cluster& cluster, RunResult& result) {
  const auto& scenario = cluster.scenario();
  Faults faults(cluster);
  if (!scenario.faults_from_start && !cluster.run_for(kToBootstrap)) return;
  faults.begin();
  if (!cluster.run_for(scenario.fault_time)) return;
  faults.heal();
  const auto healed = cluster.now();
  if (!becomes_whole(cluster, scenario.healing_bound)) return;
  result.healed_after = cluster.now() - healed;
  if (!writes_again(cluster)) return;
  for (const auto& client : cluster.clients()) client->rest();
  if (!cluster.run_for(kToReplicate) || !becomes_whole(cluster, scenario.healing_bound)) return;
  cluster.judge().healed();
}

}  // namespace

RunResult run_seed(std::uint64_t seed, std::span<const ha::Rule> rules, Story::Reader reader) {
  Cluster cluster(Scenario::of(seed), rules, std::move(reader));
  RunResult result{.seed = seed};
  run_phases(cluster, result);
  result.forked = cluster.judge().forked();
  result.violation = cluster.judge().violation();
  result.fingerprint = cluster.physics().story.fingerprint();
  result.events = cluster.physics().time.events();
  result.decisions = cluster.decisions();
  for (const auto& client : cluster.clients()) {
    result.acknowledged += client->counts().acknowledged;
    result.unknown += client->counts().unknown;
  }
  for (const auto& [id, record] : cluster.judge().facts().acknowledged) {
    const auto* leader = cluster.site().find(cluster.judge().facts().leader());
    if (leader != nullptr && !leader->data.wal.contains(record)) ++result.lost;
  }
  return result;
}

std::vector<std::string> last_lines_of(std::uint64_t seed, std::size_t lines,
                                       std::span<const ha::Rule> rules) {
  std::deque<std::string> last;
  run_seed(seed, rules, [&](std::string line) {
    if (last.size() == lines) last.pop_front();
    last.push_back(std::move(line));
  });
  return {last.begin(), last.end()};
}

}  // namespace holdfast::sim
