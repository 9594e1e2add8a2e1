#include <fmt/format.h>

#include "ha/candidate.hpp"
#include "ha/control.hpp"
#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

// An immediate stop: a fast one would let backends that wait for synchronous replication end their wait.
Proposal end_primary(std::string reason) { return {StopPostgres{.immediate = true}, std::move(reason)}; }

bool being_ended(const Situation& s) {
  return s.local.job && s.local.job->kind == JobKind::stop && s.local.job->immediate;
}

Verdict right_expired(const Situation& s) {
  if (paused(s) || !may_accept_writes(s.local) || being_ended(s)) return std::nullopt;
  if (!s.local.right_until || s.now < *s.local.right_until) return std::nullopt;
  // After a freeze etcd may answer that the key is still ours: then nobody else led in between, and one
  // renewal is tried (lease.renew). If that gets no good answer either, the lease can be anybody's the next
  // moment. If the key is gone, somebody may have led and written already.
  if (leads_by_own_lease(s) && !s.local.memory.lease_failed_at) return std::nullopt;
  return end_primary(fmt::format("the right to run a primary ended {} ago and could not be renewed",
                                 base::to_string(s.now - *s.local.right_until)));
}

// Otherwise nobody can take the leader key of this cluster.
bool cluster_is_ours(const Situation& s) {
  const auto& control = s.local.instance.control;
  return s.cluster->initialize && control && *s.cluster->initialize == control->system_id;
}

Verdict unproven_right(const Situation& s) {
  if (paused(s) || !may_accept_writes(s.local) || being_ended(s) || s.local.right_until) return std::nullopt;
  if (s.cluster && (s.cluster->leader || !cluster_is_ours(s))) return std::nullopt;
  auto since = s.local.memory.agent_started_at;
  if (s.cluster) since = std::max(since, s.local.memory.leaderless_since.value_or(s.now));
  if (s.now < since + s.settings.retry_timeout) return std::nullopt;
  return end_primary(s.cluster ? "a primary runs here without the leader key, and did not get it"
                               : "a primary runs here, but nothing shows that it holds the leader key, and "
                                 "etcd cannot be reached");
}

Verdict another_is_leader(const Situation& s) {
  if (paused(s) || !s.cluster || !s.cluster->leader || is_leader(s) || !may_accept_writes(s.local) ||
      being_ended(s))
    return std::nullopt;
  return end_primary(fmt::format("{} holds the leader key", s.cluster->leader->name));
}

Verdict unelectable_primary(const Situation& s) {
  if (paused(s) || !s.cluster || s.cluster->leader || !may_accept_writes(s.local) || being_ended(s))
    return std::nullopt;
  if (has_every_commit(s, s.local.name)) return std::nullopt;
  return end_primary(
      fmt::format("the leader key is gone, and only {} or its synchronous standbys may hold it",
                  s.cluster->sync->leader));
}

Verdict untouchable_data(const Situation& s) {
  if (paused(s)) return std::nullopt;  // a person may be exchanging it
  const auto& instance = s.local.instance;
  if (instance.process != Process::stopped || s.local.job) return std::nullopt;
  if (instance.data != DataDirectory::foreign && instance.data != DataDirectory::other_major &&
      instance.data != DataDirectory::unreadable)
    return std::nullopt;
  return Proposal{Refuse{}, instance.data_problem};
}

Verdict other_cluster(const Situation& s) {
  if (paused(s)) return std::nullopt;
  const auto& instance = s.local.instance;
  if (!s.cluster || !s.cluster->initialize || s.cluster->initialize->empty()) return std::nullopt;
  if (instance.data != DataDirectory::valid || !instance.control || s.local.job) return std::nullopt;
  if (instance.control->system_id == *s.cluster->initialize) return std::nullopt;
  return Proposal{Refuse{},
                  fmt::format("the data directory belongs to another cluster: its system identifier is {}, "
                              "the cluster in etcd has {}. Move the directory away to join as a new "
                              "replica, or correct `scope` and `namespace`",
                              instance.control->system_id, *s.cluster->initialize)};
}

// An entry under our name that may be another node's. With our address it is ours once we have written one;
// before, it may be that of the node whose file was copied.
const Member* namesake(const Situation& s) {
  const auto* member = s.cluster ? s.cluster->member(s.local.name) : nullptr;
  if (!member || member->api_url.empty() || s.local.api_url.empty()) return nullptr;
  const bool ours = member->api_url == s.local.api_url && s.local.memory.entry_published;
  return ours ? nullptr : member;
}

Verdict check_name(const Situation& s) {
  const auto* other = namesake(s);
  if (!other || s.local.memory.name_taken) return std::nullopt;
  return Proposal{CheckName{other->api_url},
                  fmt::format("a member {} has been at {}", s.local.name, other->api_url)};
}

Verdict name_taken(const Situation& s) {
  if (!namesake(s) || !s.local.memory.name_taken.value_or(false)) return std::nullopt;
  return Proposal{Refuse{},
                  fmt::format("Can't start; there is already a node named '{}' running", s.local.name)};
}

constexpr Rule kRules[] = {
    {"safety.right_expired", "End a primary whose right to run has ended and cannot be renewed.",
     right_expired},
    {"safety.unproven_right", "End a primary that cannot be shown to be the leader's.", unproven_right},
    {"safety.another_is_leader", "End a primary when another node holds the leader key.", another_is_leader},
    {"safety.unelectable_primary", "End a primary without the key that may not take it back.",
     unelectable_primary},
    {"safety.check_name", "Before anything else, find out whether our name is another node's.", check_name},
    {"safety.name_taken", "Two nodes of one name would both believe to be the leader.", name_taken},
    {"safety.untouchable_data", "Refuse a data directory that is not ours to touch.", untouchable_data},
    {"safety.other_cluster", "Refuse data of another cluster (system identifier differs).", other_cluster},
};

}  // namespace

std::span<const Rule> safety_rules() { return kRules; }

}  // namespace holdfast::ha
