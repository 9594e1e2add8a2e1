#include <fmt/format.h>

#include "ha/rules.hpp"
#include "ha/slot_rules.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

// A WAL receiver that is merely reconnecting needs no investigation.
constexpr base::Duration kReconnectTime = 1s;
constexpr base::Duration kCompareAgain = 10s;

bool follows_another(const Situation& s) {
  return leader_upstream(s) && s.local.instance.data == DataDirectory::valid &&
         s.local.instance.process != Process::stopped;
}

Verdict no_answer(const Situation& s) {
  if (!follows_another(s) || s.local.instance.status) return std::nullopt;
  return Proposal{Wait{std::min(next_look(s), s.now + 500ms)}, "PostgreSQL does not answer"};
}

Verdict follow(const Situation& s) {
  if (!follows_another(s)) return std::nullopt;
  auto wanted = wanted_upstream(s);
  if (s.local.instance.upstream == wanted) return std::nullopt;
  const auto& leader = *s.cluster->leader;
  if (!wanted) return Proposal{Follow{}, "tagged nostream: all WAL comes from the archive"};
  auto why = wanted->name == leader.name
                 ? fmt::format("{} leads since revision {}", leader.name, leader.epoch)
                 : fmt::format("tagged replicatefrom {}; {} leads", wanted->name, leader.name);
  return Proposal{Follow{std::move(wanted)}, std::move(why)};
}

const Comparison* comparison_with_leader(const Situation& s) {
  const auto& comparison = s.local.memory.comparison;
  if (!comparison || !s.cluster || !s.cluster->leader || comparison->leader != s.cluster->leader->name ||
      comparison->epoch != s.cluster->leader->epoch)
    return nullptr;
  return &*comparison;
}

bool silent(const Situation& s) {
  if (s.local.tags.nostream) return false;
  const auto& since = s.local.memory.not_streaming_since;
  return since && s.now >= *since + kReconnectTime;
}

Verdict diverged(const Situation& s) {
  const auto* known = comparison_with_leader(s);
  if (!follows_another(s) || !known || known->verdict != Divergence::diverged || !silent(s))
    return std::nullopt;
  return Proposal{StopPostgres{}, known->reason};
}

Verdict compare_timelines(const Situation& s) {
  const auto leader = leader_upstream(s);
  if (!follows_another(s) || !silent(s)) return std::nullopt;
  const auto* known = comparison_with_leader(s);
  if (known &&
      s.now < known->made_at + (known->verdict == Divergence::unknown ? kReconnectTime : kCompareAgain))
    return std::nullopt;
  return Proposal{CompareTimelines{*leader, s.cluster->leader->epoch},
                  fmt::format("not streaming from {}; has it all our WAL?", leader->name)};
}

Verdict clear_sync_names(const Situation& s) {
  if (!follows_another(s) || !s.local.instance.status ||
      s.local.instance.status->synchronous_standby_names.empty())
    return std::nullopt;
  return Proposal{SetSyncNames{}, "a standby says nobody to wait for"};
}

Verdict wait(const Situation& s) {
  const bool streaming = s.local.instance.status && s.local.instance.status->receiver_streaming;
  const bool content = streaming || s.local.tags.nostream;
  const auto& upstream = s.local.instance.upstream;
  return Proposal{Wait{content ? next_look(s) : std::min(next_look(s), s.now + 1s)},
                  !s.cluster              ? "etcd cannot be reached"
                  : !s.cluster->leader    ? "there is no leader"
                  : s.local.tags.nostream ? "recovering from the archive"
                  : streaming && upstream ? fmt::format("streaming from {}", upstream->name)
                  : upstream              ? fmt::format("waiting to stream from {}", upstream->name)
                                          : fmt::format("waiting for {}", s.cluster->leader->name)};
}

constexpr Rule kRules[] = {
    {"replica.no_answer", "Wait for our PostgreSQL.", no_answer},
    {"replica.follow", "Stream from the leader, or from whom a tag says.", follow},
    {"replica.diverged", "Stop a standby that holds WAL the leader does not have.", diverged},
    {"replica.compare_timelines", "Not streaming: find out whether the leader has all our WAL.",
     compare_timelines},
    {"replica.clear_sync_names", "Forget whom commits waited for.", clear_sync_names},
    {"replica.sync_slots", "Keep the slots that a leader has, and move them after the leader's.",
     sync_replica_slots},
    {"replica.fetch_slots", "Read the files of logical slots that are missing here from the leader.",
     fetch_slots},
    {"replica.stop_for_slots", "Stop PostgreSQL: slot files can be placed only while it does not run.",
     stop_for_slots},
    {"replica.wait", "All is well, or nothing can be done.", wait},
};

}  // namespace

std::span<const Rule> replica_rules() { return kRules; }

}  // namespace holdfast::ha
