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

// etcd keeps the ttl with which a lease was granted. What hangs on the old one is moved: the leader key by
// lease.reclaim_leader_key, the member entry when it is published next.
Verdict replace(const Situation& s) {
  if (!s.cluster || !s.local.lease || failed_just_now(s) || s.local.memory.initialize_key)
    return std::nullopt;
  const auto& lease = *s.local.lease;
  if (lease.asked_ttl == s.settings.ttl) return std::nullopt;
  return Proposal{ObtainLease{}, fmt::format("ttl was {}, and is {} now", base::to_string(lease.asked_ttl),
                                             base::to_string(s.settings.ttl))};
}

Verdict reclaim_leader_key(const Situation& s) {
  if (!is_leader(s) || leads_by_own_lease(s) || !s.local.lease) return std::nullopt;
  if (s.local.instance.data != DataDirectory::valid) return std::nullopt;
  return Proposal{ReclaimLeaderKey{s.cluster->leader->epoch},
                  "the leader key hangs on another lease of ours"};
}

constexpr Rule kRules[] = {
    {"lease.obtain", "Get a lease.", obtain},
    {"lease.renew", "Renew the lease.", renew},
    {"lease.replace", "Get a lease of the new ttl when that was changed.", replace},
    {"lease.reclaim_leader_key", "Move our leader key to our new lease, after a restart or a change of ttl.",
     reclaim_leader_key},
};

}  // namespace

std::span<const Rule> lease_rules() { return kRules; }

}  // namespace holdfast::ha
