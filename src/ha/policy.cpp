#include "ha/policy.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

struct Group {
  std::string_view name;
  std::string_view purpose;
  std::span<const Rule> rules;
};

const std::vector<Group>& groups() {
  static const std::vector<Group> table{
      {"safety", "What must never go on, whatever else is true.", safety_rules()},
      {"failsafe", "etcd is silent; the members say whether a primary may go on.", failsafe_rules()},
      {"watchdog", "The device that ends this host when its agent cannot end PostgreSQL.", watchdog_rules()},
      {"lease", "Staying known to etcd.", lease_rules()},
      {"stop", "The agent was asked to end.", stop_rules()},
      {"control", "What people asked of this node.", control_rules()},
      {"job", "Long work that is under way.", job_rules()},
      {"pause", "A person works on the cluster: PostgreSQL is left alone.", pause_rules()},
      {"bootstrap", "There is no data here, or no cluster in etcd.", bootstrap_rules()},
      {"recovery", "There is data, but PostgreSQL does not run.", recovery_rules()},
      {"leader", "This node holds the leader key and PostgreSQL runs.", leader_rules()},
      {"race", "Nobody holds the leader key.", race_rules()},
      {"replica", "Another node holds the leader key.", replica_rules()},
  };
  return table;
}

}  // namespace

std::span<const Rule> rules() {
  static const std::vector<Rule> table = [] {
    std::vector<Rule> all;
    for (const auto& group : groups()) all.insert(all.end(), group.rules.begin(), group.rules.end());
    return all;
  }();
  return table;
}

Decision decide(const Situation& situation, std::span<const Rule> table) {
  for (const auto& rule : table)
    if (auto proposal = rule.applies(situation))
      return {std::move(proposal->action), std::move(proposal->reason), rule.id, proposal->warning};
  return {Wait{next_look(situation)}, "no rule applies", "none"};
}

std::string policy_document() {
  std::string text =
      "# The policy\n\n"
      "Generated from the table in `src/ha` by `holdfast policy-doc`; do not edit.\n\n"
      "In every tick the rules are asked from the top; the first that applies decides. Its id appears in the "
      "log, in\n"
      "the metrics and in the tests. The agent acts, looks again and asks again, until the answer is to "
      "wait.\n";
  for (const auto& group : groups()) {
    text += fmt::format("\n## {}\n\n{}\n\n| rule | what it does |\n|---|---|\n", group.name, group.purpose);
    for (const auto& rule : group.rules) text += fmt::format("| `{}` | {} |\n", rule.id, rule.summary);
  }
  return text;
}

bool may_accept_writes(const LocalState& local) {
  const auto& instance = local.instance;
  if (instance.data != DataDirectory::valid || instance.process == Process::stopped) return false;
  // Unless it is started again without another decision.
  const bool restarts = local.job && local.job->kind == JobKind::restart;
  if (instance.wal_complete && !restarts) return false;
  if (local.job && local.job->kind == JobKind::promote) return true;
  // A rewind begins with the server stopped; what runs meanwhile is crash recovery in single-user mode, which
  // nobody can connect to.
  if (local.job && local.job->kind == JobKind::rewind) return false;
  return instance.status ? !instance.status->in_recovery : !instance.standby_signal;
}

bool runs_primary(const LocalState& local) {
  return local.instance.process != Process::stopped && local.instance.status &&
         !local.instance.status->in_recovery;
}

bool is_leader(const Situation& s) { return s.cluster && s.cluster->led_by(s.local.name); }

bool leads_by_own_lease(const Situation& s) {
  return is_leader(s) && s.local.lease && s.cluster->leader->lease == s.local.lease->id;
}

bool may_lead(const Situation& s) { return leads_by_own_lease(s) && s.now < right_until(*s.local.lease); }

bool down_too_long(const Situation& s) {
  const auto& memory = s.local.memory;
  if (!memory.down_since) return false;
  const bool restarting = s.local.job && s.local.job->kind == JobKind::restart;
  const auto& asked_for = restarting ? s.local.job->start_timeout : memory.start_timeout;
  const auto timeout = asked_for.value_or(s.settings.primary_start_timeout);
  // At 0 a crash is no reason to wait. A restart is none to give up what was to go on.
  if (restarting && timeout <= base::Duration::zero()) return false;
  return s.now >= *memory.down_since + timeout;
}

std::optional<Upstream> leader_upstream(const Situation& s) {
  if (!s.cluster || !s.cluster->leader || is_leader(s)) return std::nullopt;
  const auto* leader = s.cluster->member(s.cluster->leader->name);
  if (!leader || leader->conn_url.empty()) return std::nullopt;
  return Upstream{.name = leader->name, .conn_url = leader->conn_url};
}

base::Instant next_look(const Situation& s) {
  // A leader looks often: a standby that goes or comes is seen only by looking. So does whoever misses
  // something.
  const bool restless = !s.cluster || !s.cluster->leader || is_leader(s) || !s.local.lease;
  auto next = s.now + (restless ? std::min<base::Duration>(s.settings.loop_wait, 1s) : s.settings.loop_wait);
  if (s.local.lease) {
    const auto due = renewal_due(*s.local.lease, s.settings);
    next = std::min(next, due > s.now ? due : s.now + kLeaseRetry);
  }
  const auto& restart = s.local.requests.scheduled_restart;
  if (restart && restart->at > s.wall_time && !s.settings.pause)
    next = std::min<base::Instant>(next, s.now + (restart->at - s.wall_time));
  const auto* request = s.cluster && s.cluster->failover ? &*s.cluster->failover : nullptr;
  if (request && request->scheduled_at && *request->scheduled_at > s.wall_time && is_leader(s))
    next = std::min<base::Instant>(next, s.now + (*request->scheduled_at - s.wall_time));
  const auto& right_ends = s.local.right_until;
  if (right_ends && *right_ends > s.now && may_accept_writes(s.local)) next = std::min(next, *right_ends);
  return next;
}

std::optional<base::Instant> backing_off(const Situation& s, JobKind kind) {
  const auto& failure = s.local.memory.failure;
  if (!failure || failure->kind != kind) return std::nullopt;
  const auto pause = std::min<base::Duration>(500ms * (1 << std::min(failure->in_a_row, 8)), 60s);
  const auto until = failure->at + pause;
  if (until <= s.now) return std::nullopt;
  return until;
}

std::string_view to_string(JobKind kind) {
  switch (kind) {
    case JobKind::bootstrap:
      return "bootstrap";
    case JobKind::clone:
      return "clone";
    case JobKind::start:
      return "start";
    case JobKind::stop:
      return "stop";
    case JobKind::restart:
      return "restart";
    case JobKind::promote:
      return "promote";
    case JobKind::rewind:
      return "rewind";
  }
  return "unknown";
}

}  // namespace holdfast::ha
