#include <fmt/format.h>

#include "ha/control.hpp"
#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

Verdict cancel_stale(const Situation& s) {
  if (!s.local.job || !s.cluster) return std::nullopt;
  const auto& job = *s.local.job;
  if (job.kind != JobKind::clone && job.kind != JobKind::rewind) return std::nullopt;
  if (job.from_replica) return std::nullopt;  // it will follow the new leader, and so shall we
  if (!s.cluster->leader || s.cluster->leader->name == job.source) return std::nullopt;
  return Proposal{CancelJob{},
                  fmt::format("the {} from {} is stale: {} leads now", to_string(job.kind),
                              job.source.empty() ? "nobody" : job.source, s.cluster->leader->name)};
}

Verdict cancel_promote(const Situation& s) {
  if (!s.local.job || s.local.job->kind != JobKind::promote || !s.cluster || is_leader(s) || paused(s))
    return std::nullopt;
  // Cancelling the job alone would let PostgreSQL go on and become a primary: a promotion cannot be taken
  // back.
  return Proposal{StopPostgres{.immediate = true}, "the leader key was lost during the promotion"};
}

Verdict wait(const Situation& s) {
  if (!s.local.job) return std::nullopt;
  return Proposal{Wait{next_look(s)}, fmt::format("{} for {}", to_string(s.local.job->kind),
                                                  base::to_string(s.now - s.local.job->started_at))};
}

constexpr Rule kRules[] = {
    {"job.cancel_stale", "Stop copying from a node that no longer leads.", cancel_stale},
    {"job.cancel_promote", "Stop a promotion when the leader key is gone.", cancel_promote},
    {"job.wait", "Let it go on.", wait},
};

}  // namespace

std::span<const Rule> job_rules() { return kRules; }

}  // namespace holdfast::ha
