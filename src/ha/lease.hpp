// The lease of this node in etcd, and what it allows.
#pragma once

#include "base/time.hpp"
#include "ha/cluster_view.hpp"
#include "ha/settings.hpp"

namespace holdfast::ha {

struct Lease {
  LeaseId id = 0;
  base::Instant
      renewed_at;        // when the last successful grant or renewal was SENT: etcd counts from no earlier
  base::Duration ttl{};  // as etcd granted it: it may have raised a very small one
  base::Duration asked_ttl{};  // what was asked for
};

// A primary may run until here: earlier than any other node can hold the leader key, with time left to end
// PostgreSQL. Counted from before the renewal was sent, so a slow answer cannot stretch it.
base::Instant right_until(const Lease& lease);

// A lease that could not be had or renewed is tried again after this. Meanwhile other rules have their turn:
// an etcd that answers reads but no writes must not keep a replica from starting, or an agent from ending.
inline constexpr base::Duration kLeaseRetry = std::chrono::milliseconds(200);

// When to renew: often enough that two renewals may fail before the right ends.
base::Instant renewal_due(const Lease& lease, const Settings& settings);

}  // namespace holdfast::ha
