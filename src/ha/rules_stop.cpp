#include <fmt/format.h>

#include "ha/control.hpp"
#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

Verdict cancel_job(const Situation& s) {
  if (!s.local.stop_requested || !s.local.job || s.local.job->kind == JobKind::stop) return std::nullopt;
  return Proposal{CancelJob{}, fmt::format("{} is given up", to_string(s.local.job->kind))};
}

Verdict stop_postgres(const Situation& s) {
  if (paused(s)) return std::nullopt;
  if (!s.local.stop_requested || s.local.job || s.local.instance.process == Process::stopped)
    return std::nullopt;
  return Proposal{StopPostgres{.checkpoint_first = may_accept_writes(s.local)},
                  "the agent was asked to stop"};
}

Verdict release_leader_key(const Situation& s) {
  if (paused(s)) return std::nullopt;
  if (!s.local.stop_requested || s.local.job || !is_leader(s)) return std::nullopt;
  return Proposal{ReleaseLeaderKey{}, "PostgreSQL has stopped; another member can take over"};
}

Verdict leave(const Situation& s) {
  if (!s.local.stop_requested || s.local.job) return std::nullopt;
  return Proposal{Exit{}, paused(s)
                              ? "the cluster is paused: PostgreSQL and the leader key are left as they are"
                              : "stopped"};
}

constexpr Rule kRules[] = {
    {"stop.cancel_job", "Give up what is under way.", cancel_job},
    {"stop.stop_postgres", "Stop PostgreSQL cleanly, so that its standbys have everything.", stop_postgres},
    {"stop.release_leader_key", "Then let another member take over at once.", release_leader_key},
    {"stop.leave", "Then end the agent.", leave},
};

}  // namespace

std::span<const Rule> stop_rules() { return kRules; }

}  // namespace holdfast::ha
