#include <algorithm>
#include <fmt/format.h>

#include "ha/failsafe.hpp"
#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kAskAgain = 1s;  // those who did not confirm

bool ending(const Situation& s) {
  return s.local.job && s.local.job->kind == JobKind::stop && s.local.job->immediate;
}

// A primary that etcd cannot confirm, whose right may be prolonged by the members.
bool depends_on_members(const Situation& s) {
  return !s.settings.pause && etcd_unknown(s) && may_accept_writes(s.local) && !ending(s) &&
         s.local.right_until && s.now < *s.local.right_until && failsafe_members(s);
}

// The last proof that we may run: a renewed lease, or a confirmation. Its renewal is due as the lease's would
// be.
bool confirmation_due(const Situation& s) {
  const auto& known = s.local.memory.failsafe;
  Lease proof = s.local.lease.value_or(Lease{.ttl = s.settings.ttl});
  if (known.confirmed_at) proof.renewed_at = std::max(proof.renewed_at, *known.confirmed_at);
  if (s.now < renewal_due(proof, s.settings)) return false;
  const bool failed = known.refused_since && known.asked_at;
  return !failed || s.now >= *known.asked_at + std::min<base::Duration>(kAskAgain, s.settings.ttl / 10);
}

Verdict ask_members(const Situation& s) {
  // Once in a tick: however long a look at a silent etcd takes, the other rules have their turn.
  if (!depends_on_members(s) || s.failsafe_asked || !confirmation_due(s)) return std::nullopt;
  auto others = *failsafe_members(s);
  others.erase(s.local.name);
  auto reason = others.empty() ? std::string("etcd is silent, and there is nobody else who could lead")
                               : fmt::format("etcd is silent; {} must confirm that we lead", others.size());
  return Proposal{AskFailsafeMembers{std::move(others)}, std::move(reason)};
}

// The promises of those who once confirmed would let us go on to the end of our right. But a member that does
// not answer may be one with whom others write: the right that only members gave is given up when they do not
// give it any more. What etcd gave is kept to its end, as without failsafe mode.
Verdict members_refuse(const Situation& s) {
  if (!depends_on_members(s)) return std::nullopt;
  const auto& known = s.local.memory.failsafe;
  if (!known.refused_since || s.now < *known.refused_since + s.settings.retry_timeout) return std::nullopt;
  if (s.local.lease && s.now < right_until(*s.local.lease)) return std::nullopt;
  return Proposal{StopPostgres{.immediate = true},
                  fmt::format("etcd is silent, and not all members confirm that we lead: {}", known.refusal)};
}

constexpr Rule kRules[] = {
    {"failsafe.members_refuse", "End a primary that not all members confirm.", members_refuse},
    {"failsafe.ask_members", "Ask all members whether this primary may go on.", ask_members},
};

}  // namespace

std::span<const Rule> failsafe_rules() { return kRules; }

}  // namespace holdfast::ha
