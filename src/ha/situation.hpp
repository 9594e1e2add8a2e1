// Everything a decision depends on. A decision is a function of this and nothing else.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ha/callbacks.hpp"
#include "ha/cluster_view.hpp"
#include "ha/divergence.hpp"
#include "ha/instance.hpp"
#include "ha/lease.hpp"
#include "ha/requests.hpp"
#include "ha/settings.hpp"

namespace holdfast::ha {

enum class JobKind { bootstrap, clone, start, stop, restart, promote, rewind };

std::string_view to_string(JobKind kind);

// The one long piece of work that may run beside the loop.
struct RunningJob {
  JobKind kind = JobKind::start;
  base::Instant started_at;
  bool immediate = false;                       // stop: without waiting for anybody
  std::optional<base::Duration> start_timeout;  // restart: the one asked for; absent: primary_start_timeout
  MemberName source;                            // clone, rewind, start: whom it depends on; may be empty
  bool from_replica = false;                    // clone: the source follows `leader`
  MemberName leader;                            // clone: who led when it began; may be empty
  Epoch epoch = 0;                              // of the source's leadership when the job began
};

// The last job that failed, until one of its kind succeeds.
struct JobFailure {
  JobKind kind = JobKind::start;
  base::Instant at;
  base::Error error;
  int in_a_row = 1;
  MemberName source;
};

// From which WAL position on every commit obeys the present value of synchronous_standby_names.
struct SyncBarrier {
  std::string names;
  bool commits_waited = false;  // for those named before, too: then the checkpointer knows that commits wait
  std::optional<pg::Lsn> position;  // absent: not proven yet
};

// Slots of members that this leader has seen in use, and when; in /status, for the next leader.
struct RetainedSlots {
  Epoch epoch = 0;  // of our leadership
  std::map<std::string, base::Instant> seen;
};

// Files of logical slots, to be placed while our server is stopped.
struct FetchedSlots {
  Epoch epoch = 0;  // of the leader they come from
  base::Instant at;
  std::vector<SlotFile> files;
};

struct SlotMemory {
  std::optional<RetainedSlots> retained;         // of a leader
  std::map<std::string, base::Instant> trouble;  // slots that could not be made, moved or dropped, and when
  std::set<std::string> busy;                    // logical slots that are made or moved beside the loop
  std::set<std::string> stuck;                   // logical slots that cannot be moved here any more
  std::optional<FetchedSlots> fetched;
  std::map<std::string, base::Instant> placed;  // when a slot was placed last
  std::optional<ClusterView> last_seen;         // what etcd said before it fell silent
};

// In failsafe mode (ha/failsafe.hpp): what this node has promised another that leads.
struct FailsafePromise {
  Member leader;  // its name, conn_url and api_url
  base::Instant made_at;
  base::Instant until;                   // this node does not lead before
  std::map<std::string, pg::Lsn> slots;  // of the leader, when it last asked
};

// What a leader knows of those who must confirm that it leads when etcd is silent.
struct FailsafeStanding {
  std::map<MemberName, std::string> members;  // /failsafe as last read: name and api_url
  // A write of /failsafe that may yet happen: it cannot once the key has another revision.
  struct Attempt {
    Revision seen = 0;
    std::map<MemberName, std::string> members;
  };
  std::optional<Attempt> attempt;
  std::optional<base::Instant> asked_at;         // last
  std::optional<base::Instant> confirmed_at;     // when they were asked that all confirmed last
  std::optional<base::Instant> confirmed_until;  // the right that followed from it
  std::optional<base::Instant> refused_since;    // absent: the last answers were good
  std::string refusal;                           // who, and why
  std::map<MemberName, pg::Lsn> positions;       // of the members, as they answered
};

// What this node remembers from tick to tick. A restarted agent begins with an empty one.
struct Memory {
  base::Instant agent_started_at;
  std::optional<JobFailure> failure;
  std::optional<Comparison> comparison;  // with the leader of the epoch it names
  std::optional<SyncBarrier> sync_barrier;
  bool checkpoint_runs = false;  // the one that a promotion calls for
  std::optional<base::Instant> checkpoint_failed_at;
  std::optional<base::Instant> leaderless_since;
  // PostgreSQL has ended or is starting: nobody is served. And: it has been told to stop, and has not ended.
  std::optional<base::Instant> down_since;
  std::optional<base::Instant> stopping_since;
  // Of a restart that came to nothing: holds in place of primary_start_timeout until PostgreSQL runs again.
  std::optional<base::Duration> start_timeout;
  std::optional<base::Instant> not_streaming_since;
  // When a standby was last seen to have received more WAL than at the look before, and how much.
  std::optional<base::Instant> wal_moved_at;
  std::optional<pg::Lsn> wal_seen;
  // The last attempt to get or renew the lease; absent when it got a good answer.
  std::optional<base::Instant> lease_failed_at;
  std::optional<Revision> initialize_key;  // its create revision, while we hold it for our bootstrap
  // Who led last, as long as it was another node. Its member entry may go with its lease while it still runs.
  std::optional<Member> last_leader;
  // PostgreSQL does not run because this agent stopped it: for a switchover, a clone, a rewind, a restart
  // that failed. It is started again even while the cluster is paused.
  bool owes_start = false;
  bool was_paused = false;         // at the last look
  bool rewind_impossible = false;  // until the next clone
  SlotMemory slots;
  CallbackMemory callbacks;
  std::optional<bool> name_taken;  // by another node that runs; absent: not asked
  bool entry_published = false;    // under our name, by this run of the agent
  std::optional<FailsafePromise> promise;
  FailsafeStanding failsafe;
};

// The device that ends this host when nobody feeds it any more.
struct Watchdog {
  enum class Mode { off, automatic, required } mode = Mode::off;
  base::Duration safety_margin = std::chrono::seconds(5);  // below zero: the timeout is half of the ttl
  bool usable = false;                                     // there is a device that we may write to
  bool armed = false;
  base::Duration asked_for{}, timeout{};  // armed: the timeout asked for, and the one in effect
  base::Instant fed_at;                   // armed: from here it counts
  bool shortened = false;                 // armed: with less than asked for, because the last answer was slow

  struct Failure {
    base::Duration wanted{};
    std::string why;
    base::Instant at;
    int in_a_row = 1;
  };
  std::optional<Failure> failure;  // of the last attempt to arm it
};

struct LocalState {
  MemberName name;
  std::string conn_url;
  std::string api_url;  // as published; where another node with our name would publish something else
  Tags tags;
  Instance instance;
  std::optional<Lease> lease;
  // Until when a primary may run here: known once the leader key was seen on our lease, kept while etcd is
  // silent or says that nobody has the key, prolonged by the members in failsafe mode, gone when the key has
  // another's name, or was released.
  std::optional<base::Instant> right_until;
  std::optional<RunningJob> job;
  Watchdog watchdog;
  bool stop_requested = false;
  Requests requests;
  Memory memory;
};

// Answers of peers in this tick; an entry without a value did not answer.
using PeerReports = std::map<MemberName, std::optional<PeerStatus>>;

struct Situation {
  base::Instant now;
  base::WallTime wall_time;            // for scheduled switchovers only
  std::optional<ClusterView> cluster;  // absent: etcd did not answer, or not with something to be believed
  std::optional<PeerReports> peers;    // absent: not asked yet in this tick
  bool failsafe_asked = false;         // the members of /failsafe were, in this tick
  LocalState local;
  Settings settings;
};

}  // namespace holdfast::ha
