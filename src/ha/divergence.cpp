#include "ha/divergence.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace holdfast::ha {

Comparison compare(const LocalWal& local, const UpstreamTimeline& upstream, bool standby_cluster) {
  Comparison result{.leader = upstream.name};
  const auto verdict = [&](Divergence divergence, std::string reason) {
    result.verdict = divergence;
    result.reason = std::move(reason);
    return result;
  };
  if (upstream.in_recovery && standby_cluster) {
    if (local.timeline == upstream.timeline)
      return verdict(Divergence::none, fmt::format("same timeline {} as {}", local.timeline, upstream.name));
    if (local.timeline > upstream.timeline)
      return verdict(Divergence::unknown,
                     fmt::format("{} has not reached our timeline {} yet", upstream.name, local.timeline));
  } else if (upstream.in_recovery)
    return verdict(Divergence::unknown, fmt::format("{} is not a primary yet", upstream.name));
  if (local.timeline == upstream.timeline) {
    if (local.end > upstream.position)
      return verdict(
          Divergence::diverged,
          fmt::format("our WAL ends at {}, {} behind it at {} on the same timeline {}", to_string(local.end),
                      upstream.name, to_string(upstream.position), local.timeline));
    return verdict(Divergence::none, fmt::format("same timeline {} as {}", local.timeline, upstream.name));
  }
  if (local.timeline > upstream.timeline)
    return verdict(Divergence::diverged, fmt::format("our timeline {} is newer than timeline {} of {}",
                                                     local.timeline, upstream.timeline, upstream.name));
  const auto left = std::ranges::find(upstream.history, local.timeline, &pg::TimelineSwitch::timeline);
  if (left == upstream.history.end())
    return verdict(Divergence::diverged,
                   fmt::format("our timeline {} is not in the history of {}'s timeline {}", local.timeline,
                               upstream.name, upstream.timeline));
  if (local.end > left->at)
    return verdict(Divergence::diverged,
                   fmt::format("our WAL ends at {}, but {} left timeline {} at {}", to_string(local.end),
                               upstream.name, local.timeline, to_string(left->at)));
  return verdict(Divergence::none,
                 fmt::format("our WAL ends at {}, before {} left timeline {} at {}", to_string(local.end),
                             upstream.name, local.timeline, to_string(left->at)));
}

}  // namespace holdfast::ha
