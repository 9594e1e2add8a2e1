// What can be decided. Actions are values; src/agent/act.cpp carries them out.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.hpp"
#include "ha/cluster_view.hpp"
#include "ha/instance.hpp"

namespace holdfast::ha {

// Nothing to do before `until`, unless something happens.
struct Wait {
  base::Instant until;
};

struct ObtainLease {};
struct RenewLease {};
// Our own leader key hangs on a lease of an earlier incarnation of this agent: move it to our lease.
struct ReclaimLeaderKey {
  Epoch epoch = 0;
};
// Create the leader key, if there still is none and /sync is still as seen.
struct AcquireLeaderKey {
  Revision sync_revision = 0;
  // Written anew with the key when a quorum decides: votes that were given before count no more.
  std::optional<SyncState> sync;
};
struct ReleaseLeaderKey {};
struct PollPeers {};
// Ask each of them to confirm that this node leads: member name and api_url. Nobody: it is confirmed.
struct AskFailsafeMembers {
  std::map<MemberName, std::string> members;
};

// All writes below compare the leader key with our epoch, so a deposed leader writes nothing.
struct WriteSyncState {
  SyncState state;
};
struct DeleteSyncState {
  Revision mod_revision = 0;
};
struct ClearFailoverRequest {
  Revision mod_revision = 0;
};
struct WriteHistory {};
struct WriteFailsafe {
  std::map<MemberName, std::string> members;
  Revision mod_revision = 0;
};

struct SetSyncNames {
  std::string names;
};
// Beside the loop.
struct MakeCheckpoint {};
struct SyncSlots {
  std::set<std::string> drop;  // first
  std::map<std::string, NewSlot> create;
  std::map<std::string, SlotMove> advance;

  bool empty() const { return drop.empty() && create.empty() && advance.empty(); }
};
// Reads the files of logical slots from the leader; they are placed once our server has stopped.
struct FetchSlots {
  Upstream leader;
  std::map<std::string, NewSlot> slots;
};
struct PlaceSlots {};
struct Follow {
  std::optional<Upstream> upstream;
};
struct CompareTimelines {
  Upstream leader;
  Epoch epoch = 0;
};

// Jobs.
struct Bootstrap {};
struct Clone {
  Upstream source;               // without a name: nobody; only what works without is tried
  bool from_replica = false;     // and not from the leader
  bool basebackup_only = false;  // whatever else is configured
  bool discard = false;          // the old data is thrown away first, instead of kept beside
};
struct StartPostgres {
  bool standby = false;
  std::optional<Upstream> upstream;
};
// An orderly stop, waited for until a rule ends it (job.end_slow_stop); `immediate` at once, cancelling
// whatever runs.
struct StopPostgres {
  bool immediate = false;
  bool checkpoint_first = false;  // shortens the stop of a busy primary
  bool archive_end = false;       // then hand the WAL file with its last record to the archive
};
// Stop and start again as what it was. `timeout` is for the start.
struct RestartPostgres {
  std::optional<base::Duration> timeout;
};
struct Promote {};
struct Rewind {
  Upstream source;
};
struct CancelJob {};

// A request of a person is done with, or cannot be carried out.
enum class RequestKind { scheduled_restart, reinitialize };
struct DropRequest {
  RequestKind kind = RequestKind::scheduled_restart;
};

// Starts the watchdog device, or gives it another timeout.
struct ArmWatchdog {
  base::Duration timeout{};
};
struct DisarmWatchdog {};

struct TakeInitializeKey {};
// Announces what was bootstrapped: initialize, config and leader in one transaction.
struct AnnounceBootstrap {
  SystemId system_id;
};
struct ConfirmBootstrap {};
// etcd knows no cluster, but we have one: write its initialize and config.
struct AdoptCluster {
  SystemId system_id;
};

// Does somebody else with our name answer there?
struct CheckName {
  std::string api_url;
};

// This node must not take part: the agent ends, and touches nothing.
struct Refuse {};
// Asked to stop, and all is done.
struct Exit {};

using Action =
    std::variant<Wait, ObtainLease, RenewLease, ReclaimLeaderKey, AcquireLeaderKey, ReleaseLeaderKey,
                 PollPeers, AskFailsafeMembers, WriteSyncState, DeleteSyncState, ClearFailoverRequest,
                 WriteHistory, WriteFailsafe, SetSyncNames, MakeCheckpoint, SyncSlots, FetchSlots, PlaceSlots,
                 Follow, CompareTimelines, Bootstrap, Clone, StartPostgres, StopPostgres, RestartPostgres,
                 Promote, Rewind, CancelJob, DropRequest, TakeInitializeKey, AnnounceBootstrap,
                 ConfirmBootstrap, AdoptCluster, CheckName, ArmWatchdog, DisarmWatchdog, Refuse, Exit>;

// "acquire_leader_key", "stop_postgres immediate": for logs, transcripts and the journal.
std::string to_string(const Action& action);

struct Decision {
  Action action;
  std::string reason;
  std::string_view rule;  // id of the rule that answered
  bool warning = false;   // people should know the reason
};

}  // namespace holdfast::ha
