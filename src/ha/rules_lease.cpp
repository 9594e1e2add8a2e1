#include <fmt/format.h>

#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

bool failed_just_now(const Situation& s) {
  const auto& failed_at = s.local.memory.lease_failed_at;
  return failed_at && s.now < *failed_at + kLeaseRetry;
}

Verdict obtain(const Situation& s) {
  if (!s.cluster || s.local.lease || failed_just_now(s)) return std::nullopt;
  return Proposal{ObtainLease{}, "no lease yet"};
}

Verdict renew(const Situation& s) {
  if (!s.cluster || !s.local.lease || failed_just_now(s)) return std::nullopt;
  if (s.now < renewal_due(*s.local.lease, s.settings)) return std::nullopt;
  return Proposal{RenewLease{},
                  fmt::format("last renewed {} ago", base::to_string(s.now - s.local.lease->renewed_at))};
}

Verdict reclaim_leader_key(const Situation& s) {
  if (!is_leader(s) || leads_by_own_lease(s) || !s.local.lease) return std::nullopt;
  if (s.local.instance.data != DataDirectory::valid) return std::nullopt;
  return Proposal{ReclaimLeaderKey{s.cluster->leader->epoch},
                  "the leader key hangs on a lease of this agent's past"};
}

constexpr Rule kRules[] = {
    {"lease.obtain", "Get a lease.", obtain},
    {"lease.renew", "Renew the lease.", renew},
    {"lease.reclaim_leader_key", "After a restart, move our leader key to our new lease.",
     reclaim_leader_key},
};

}  // namespace

std::span<const Rule> lease_rules() { return kRules; }

}  // namespace holdfast::ha
