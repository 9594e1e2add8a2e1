#include "sim/scenario.hpp"

#include <fmt/format.h>

#include "base/random.hpp"

namespace holdfast::sim {
namespace {

constexpr std::string_view kFaultNames[] = {
    "agent_killed",  "agent_frozen",      "agent_stopped",     "postgres_crashed", "postgres_frozen",
    "host_crashed",  "host_frozen",       "host_isolated",     "etcd_cut_off",     "hosts_cut_off",
    "one_way_cut",   "slow_link",         "lossy_link",        "etcd_down",        "etcd_election",
    "etcd_slow",     "etcd_answers_lost", "etcd_stale",        "etcd_compacted",   "lease_lost",
    "calendar_jump", "disk_full",         "slow_host",         "promote_stuck",    "replay_paused",
    "jobs_fail",     "failover_asked",    "sync_mode_changed", "restart_asked",    "reinitialize_asked",
    "paused",        "ttl_changed",       "watchdog_lost"};
static_assert(std::size(kFaultNames) == static_cast<std::size_t>(FaultKind::count));

struct Timing {
  int ttl, loop_wait, retry_timeout;
};
// ttl >= loop_wait + 2 * retry_timeout, as everywhere.
constexpr Timing kTimings[] = {{30, 10, 10}, {20, 10, 5}, {20, 2, 9}, {10, 2, 4},
                               {10, 8, 1},   {5, 1, 2},   {3, 1, 1}};

// From a sequence of its own, so that a seed stays what it was in all else.
void choose_quorum(Scenario& scenario) {
  base::Random random(scenario.seed * 2 + 1'000'003);
  scenario.quorum = random.chance(0.5);
  if (scenario.quorum && random.chance(0.5))
    scenario.nodes = static_cast<std::size_t>(random.between(3, random.chance(0.3) ? 5 : 4));
  if (random.chance(0.3)) scenario.faults.insert(FaultKind::sync_mode_changed);
}

// From a sequence of its own, too. A healthy start or stop takes up to two seconds, on a slow host a minute.
void choose_timeouts(Scenario& scenario) {
  base::Random random(scenario.seed * 2 + 2'000'003);
  constexpr int kStartTimeouts[] = {300, 300, 300, 0, 1, 5};
  constexpr int kStopTimeouts[] = {0, 0, 0, 1, 1, 5};
  scenario.start_timeout = kStartTimeouts[random.below(std::size(kStartTimeouts))];
  scenario.stop_timeout = kStopTimeouts[random.below(std::size(kStopTimeouts))];
}

}  // namespace

std::string_view to_string(FaultKind kind) { return kFaultNames[static_cast<std::size_t>(kind)]; }

Scenario Scenario::of(std::uint64_t seed) {
  base::Random random(seed * 2 + 1);
  Scenario scenario{.seed = seed};
  scenario.nodes = random.chance(0.5) ? 2 : 3;
  scenario.synchronous = random.chance(0.7);
  scenario.strict = scenario.synchronous && random.chance(0.2);
  scenario.synchronous_nodes = random.chance(0.3) ? 2 : 1;
  const auto& timing = kTimings[random.below(std::size(kTimings))];
  scenario.ttl = timing.ttl;
  scenario.loop_wait = timing.loop_wait;
  scenario.retry_timeout = timing.retry_timeout;
  scenario.maximum_lag = random.chance(0.2) ? 0 : 1 << 20;
  scenario.use_rewind = random.chance(0.8);
  const auto last = static_cast<std::int64_t>(scenario.nodes) - 1;
  if (scenario.nodes > 2 && random.chance(0.15))
    scenario.nofailover = static_cast<int>(random.between(0, last));
  if (random.chance(0.2)) scenario.preferred = static_cast<int>(random.between(0, last));
  scenario.faults_from_start = random.chance(0.15);
  const double share = random.chance(0.3) ? 0.1 : 0.35;  // of the kinds of faults
  for (int kind = 0; kind <= static_cast<int>(FaultKind::failover_asked); ++kind) {
    if (random.chance(share)) scenario.faults.insert(static_cast<FaultKind>(kind));
  }
  scenario.calm_between_faults = random.between(Duration(2s), Duration(20s));
  scenario.longest_fault = random.chance(0.3) ? Duration(5s) : Duration(50s);
  scenario.fault_time = random.between(Duration(60s), Duration(150s));
  // After healing: what was begun may have to time out (wal_receiver_timeout), and then to be done again.
  scenario.healing_bound = std::chrono::seconds(4 * scenario.ttl + 4 * scenario.loop_wait) + Duration(120s);
  scenario.logical_slot = random.chance(0.25);
  if (scenario.synchronous) choose_quorum(scenario);
  // Drawn last: what was drawn before stays what it was.
  scenario.failsafe = random.chance(0.5);
  // With the default safety_margin of 5 s; its timeout must not be below loop_wait.
  scenario.watchdog = random.chance(0.3) && scenario.ttl - 5 >= scenario.loop_wait;
  choose_timeouts(scenario);
  scenario.slow_archiver = random.chance(0.25);
  for (const auto kind :
       {FaultKind::restart_asked, FaultKind::reinitialize_asked, FaultKind::paused, FaultKind::ttl_changed})
    if (random.chance(0.15)) scenario.faults.insert(kind);
  if (scenario.watchdog && random.chance(0.5)) scenario.faults.insert(FaultKind::watchdog_lost);
  return scenario;
}

std::string to_string(const Scenario& scenario) {
  std::string faults;
  for (const auto kind : scenario.faults) faults += fmt::format(" {}", to_string(kind));
  return fmt::format(
      "{} nodes, {}{}{}{}, ttl {} s, loop_wait {} s, retry_timeout {} s, start {} s, stop {} s{}{}{}{}; "
      "faults "
      "for {}:{}",
      scenario.nodes,
      scenario.synchronous
          ? fmt::format("synchronous with {}{}", scenario.quorum ? "any " : "", scenario.synchronous_nodes)
          : "asynchronous",
      scenario.strict ? " strictly" : "", scenario.failsafe ? ", failsafe mode" : "",
      scenario.watchdog ? ", watchdogs" : "", scenario.ttl, scenario.loop_wait, scenario.retry_timeout,
      scenario.start_timeout, scenario.stop_timeout, scenario.use_rewind ? "" : ", no pg_rewind",
      scenario.logical_slot ? ", a logical slot" : "", scenario.slow_archiver ? ", slow archivers" : "",
      scenario.nofailover < 0 ? ""
                              : fmt::format(", {} nofailover", static_cast<char>('a' + scenario.nofailover)),
      base::to_string(scenario.fault_time), faults);
}

}  // namespace holdfast::sim
