#include <fmt/format.h>

#include "ha/candidate.hpp"
#include "ha/control.hpp"
#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

bool stopped(const Situation& s) { return s.local.instance.process == Process::stopped; }

bool system_id_matches(const Situation& s) {
  const auto& control = s.local.instance.control;
  const auto& initialize = s.cluster->initialize;
  return !initialize || initialize->empty() || (control && control->system_id == *initialize);
}

bool nobody_leads(const Situation& s) { return s.cluster && !s.cluster->leader; }

// The member that a request wants to lead; null when there is none, or it is us.
const Member* other_candidate(const Situation& s) {
  const auto& request = s.cluster->failover;
  if (!request || !request->candidate || request->scheduled_at) return nullptr;
  return *request->candidate == s.local.name ? nullptr : s.cluster->member(*request->candidate);
}

Verdict release_key_of_other_cluster(const Situation& s) {
  if (!paused(s) || !is_leader(s) || system_id_matches(s)) return std::nullopt;
  return Proposal{ReleaseLeaderKey{}, "the data directory belongs to another cluster now"};
}

Verdict release_key_of_stopped(const Situation& s) {
  if (!is_leader(s) || !left_stopped(s)) return std::nullopt;
  return Proposal{ReleaseLeaderKey{}, "PostgreSQL does not run"};
}

Verdict release_key_of_standby(const Situation& s) {
  const auto& status = s.local.instance.status;
  if (!paused(s) || !is_leader(s) || !status || !status->in_recovery || chosen_by_request(s))
    return std::nullopt;
  if (s.settings.standby_cluster) return std::nullopt;  // its leader is a standby
  return Proposal{ReleaseLeaderKey{}, "PostgreSQL does not run as primary"};
}

Verdict start_as_it_was(const Situation& s) {
  if (!paused(s) || !stopped(s) || !s.local.requests.restart || !nobody_leads(s)) return std::nullopt;
  if (s.local.instance.data != DataDirectory::valid || !system_id_matches(s) || other_candidate(s))
    return std::nullopt;
  return Proposal{StartPostgres{.standby = s.local.instance.standby_signal}, "a restart was asked for"};
}

Verdict leave_stopped(const Situation& s) {
  if (!left_stopped(s) || s.local.instance.data == DataDirectory::unconfirmed) return std::nullopt;
  return Proposal{Wait{next_look(s)}, s.local.instance.data == DataDirectory::absent
                                          ? "the data directory is empty, and the cluster is paused"
                                          : "PostgreSQL does not run, and the cluster is paused"};
}

Verdict leave_key_to_candidate(const Situation& s) {
  if (!paused(s) || !nobody_leads(s) || !runs_primary(s.local)) return std::nullopt;
  const auto* candidate = other_candidate(s);
  if (!candidate) return std::nullopt;
  return Proposal{Wait{next_look(s)}, fmt::format("{} was chosen to take over", candidate->name)};
}

Verdict take_key(const Situation& s) {
  if (!paused(s) || !nobody_leads(s) || !runs_primary(s.local) || !system_id_matches(s)) return std::nullopt;
  if (!s.local.lease || s.now >= right_until(*s.local.lease)) return std::nullopt;
  // Not who was succeeded: others may have acknowledged commits since.
  const auto& history = s.cluster->history;
  const bool succeeded = !history.empty() && s.local.instance.status->timeline <= history.back();
  if (succeeded || !has_every_commit(s, s.local.name)) return std::nullopt;
  return Proposal{AcquireLeaderKey{s.cluster->sync ? s.cluster->sync->mod_revision : 0},
                  "nobody holds the leader key, and a primary runs here"};
}

Verdict leave_race(const Situation& s) {
  if (!paused(s) || !nobody_leads(s) || stopped(s) || runs_primary(s.local)) return std::nullopt;
  if (s.local.instance.data != DataDirectory::valid || chosen_by_request(s)) return std::nullopt;
  return Proposal{Wait{next_look(s)}, "no failover by itself while the cluster is paused"};
}

Verdict leave_primary(const Situation& s) {
  if (!paused(s) || is_leader(s) || !runs_primary(s.local)) return std::nullopt;
  return Proposal{Wait{next_look(s)},
                  s.cluster && s.cluster->leader
                      ? fmt::format("a primary beside leader {}: left alone while the cluster is paused",
                                    s.cluster->leader->name)
                      : "a primary without the leader key: left alone while the cluster is paused"};
}

constexpr Rule kRules[] = {
    {"pause.release_key_of_other_cluster", "Release the key when the data became another cluster's.",
     release_key_of_other_cluster},
    {"pause.release_key_of_stopped", "Release the key when a person stopped PostgreSQL.",
     release_key_of_stopped},
    {"pause.release_key_of_standby", "Release the key when a person made the primary a standby.",
     release_key_of_standby},
    {"pause.start_as_it_was", "A restart asked for without a leader starts PostgreSQL as what it was.",
     start_as_it_was},
    {"pause.leave_stopped", "What a person stopped stays stopped.", leave_stopped},
    {"pause.leave_key_to_candidate", "A primary leaves the key to the candidate of a request.",
     leave_key_to_candidate},
    {"pause.take_key", "A running primary takes the key that nobody holds.", take_key},
    {"pause.leave_race", "A standby takes the key only if a request names it.", leave_race},
    {"pause.leave_primary", "A primary without the key goes on.", leave_primary},
};

}  // namespace

std::span<const Rule> pause_rules() { return kRules; }

}  // namespace holdfast::ha
