// Did this node write or receive WAL that its new leader does not have?
#pragma once

#include <string>

#include "ha/instance.hpp"

namespace holdfast::ha {

enum class Divergence {
  none,      // our WAL is a prefix of the leader's history: follow it
  diverged,  // we hold WAL that is not in the leader's history: rewind or re-clone
  unknown,   // the leader is not a primary yet, or could not be asked: ask again later
};

struct Comparison {
  MemberName leader;
  Epoch epoch = 0;
  Divergence verdict = Divergence::unknown;
  std::string reason;  // with the numbers
  base::Instant made_at;
};

// Our WAL ends at `end` on `timeline`.
struct LocalWal {
  pg::Timeline timeline = 0;
  pg::Lsn end;
};

// The leader of a standby cluster is no primary, and all its members hold copies of the same WAL.
Comparison compare(const LocalWal& local, const UpstreamTimeline& upstream, bool standby_cluster = false);

}  // namespace holdfast::ha
