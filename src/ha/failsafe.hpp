// Failsafe mode: a primary whose etcd is silent asks all members whether it may go on, and they promise not
// to lead for a while. https://patroni.readthedocs.io/en/latest/dcs_failsafe_mode.html
//
// Why no second primary can come of it:
// - Only a member of /failsafe may take the leader key, and only while neither that key nor /config has
// changed
//   since it looked (the transaction compares both). Only the leader writes /failsafe, so it knows who could:
//   whom it names, together with whom it tried to name without learning the outcome.
// - It asks all of them. Each that accepts neither runs a primary nor has the right to, and does not promote
//   before its promise ends, even if a request for the key that it once sent arrives at etcd after all.
// - The right is prolonged from before the first question was sent, and only if all answers are in before the
//   right that was there has ended: what kept the others from leading until then still held when they
//   promised.
// - An agent that was restarted has forgotten what it promised. Until a promise from its past must have ended
// it
//   does not take the key, unless all others are seen not to run a primary.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ha/situation.hpp"

namespace holdfast::ha {

// The members that must confirm, and their api_url. Absent: failsafe mode does not help this node, because it
// is off or because /failsafe did not name it.
std::optional<std::map<MemberName, std::string>> failsafe_members(const Situation& situation);

// What /failsafe should say: every member that can be asked, and this node.
std::map<MemberName, std::string> wanted_failsafe(const Situation& situation);

// etcd does not say, or does not let us say, that we lead.
bool etcd_unknown(const Situation& situation);

// This node runs a primary because the members have confirmed it, not because of etcd.
bool leads_in_failsafe(const Situation& situation);

// The leader this node has promised not to succeed; null when there is none.
const FailsafePromise* promise(const Situation& situation);
std::optional<Upstream> promised_leader(const Situation& situation);

// POST /failsafe, as asked by a leader. Why this node does not accept it, or nothing: then the promise is
// kept in `memory`. `instance` is PostgreSQL as it is now.
struct FailsafeRequest {
  Member leader;  // name, conn_url, api_url
  std::map<std::string, pg::Lsn> slots;
  base::Duration ttl{};  // the leader's own, where it says so: the promise is not shorter
};
std::optional<std::string> refuse_failsafe(const Situation& situation, const Instance& instance,
                                           const MemberName& asking, base::Instant now);
void fold_failsafe_request(Situation& situation, FailsafeRequest request, base::Instant now);

// What the members answered to a leader that asked at `asked_at`.
struct FailsafeAnswer {
  MemberName name;
  std::string refusal;  // empty: it accepts
  std::optional<pg::Lsn> position;
};
void fold_failsafe_answers(Situation& situation, const std::vector<FailsafeAnswer>& answers,
                           base::Instant asked_at, base::Instant now);

}  // namespace holdfast::ha
