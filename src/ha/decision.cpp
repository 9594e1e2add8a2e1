#include "ha/decision.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ranges>

namespace holdfast::ha {
namespace {

std::string names_of(const std::map<MemberName, std::string>& members) {
  std::string names;
  for (const auto& [name, url] : members) names += (names.empty() ? "" : ",") + name;
  return names;
}

struct Describe {
  std::string operator()(const Wait&) const { return "wait"; }
  std::string operator()(const ObtainLease&) const { return "obtain_lease"; }
  std::string operator()(const RenewLease&) const { return "renew_lease"; }
  std::string operator()(const ReclaimLeaderKey&) const { return "reclaim_leader_key"; }
  std::string operator()(const AcquireLeaderKey&) const { return "acquire_leader_key"; }
  std::string operator()(const ReleaseLeaderKey&) const { return "release_leader_key"; }
  std::string operator()(const PollPeers&) const { return "poll_peers"; }
  std::string operator()(const AskFailsafeMembers& ask) const {
    return fmt::format("ask_failsafe_members [{}]", names_of(ask.members));
  }
  std::string operator()(const WriteSyncState& write) const {
    const auto quorum = write.state.quorum == 0 ? "" : fmt::format(" quorum {}", write.state.quorum);
    return fmt::format("write_sync_state {} [{}]{}", write.state.leader, fmt::join(write.state.standbys, ","),
                       quorum);
  }
  std::string operator()(const DeleteSyncState&) const { return "delete_sync_state"; }
  std::string operator()(const ClearFailoverRequest&) const { return "clear_failover_request"; }
  std::string operator()(const WriteHistory&) const { return "write_history"; }
  std::string operator()(const WriteFailsafe& write) const {
    return fmt::format("write_failsafe [{}]", names_of(write.members));
  }
  std::string operator()(const SetSyncNames& set) const {
    return fmt::format("set_sync_names '{}'", set.names);
  }
  std::string operator()(const MakeCheckpoint&) const { return "make_checkpoint"; }
  std::string operator()(const SyncSlots& slots) const {
    auto text = fmt::format("sync_slots +[{}] -[{}]", fmt::join(slots.create | std::views::keys, ","),
                            fmt::join(slots.drop, ","));
    for (const auto& [name, move] : slots.advance) text += fmt::format(" {}>{}", name, to_string(move.to));
    return text;
  }
  std::string operator()(const FetchSlots& fetch) const {
    return fmt::format("fetch_slots [{}] from {}", fmt::join(fetch.slots | std::views::keys, ","),
                       fetch.leader.name);
  }
  std::string operator()(const PlaceSlots&) const { return "place_slots"; }
  std::string operator()(const Follow& follow) const {
    return fmt::format("follow {}", follow.upstream ? follow.upstream->name : "nobody");
  }
  std::string operator()(const CompareTimelines& compare) const {
    return fmt::format("compare_timelines {}", compare.leader.name);
  }
  std::string operator()(const Bootstrap&) const { return "bootstrap"; }
  std::string operator()(const Clone& clone) const {
    return fmt::format("clone {}{}{}", clone.source.name.empty() ? "nobody" : clone.source.name,
                       clone.basebackup_only ? " with basebackup" : "",
                       clone.discard ? ", discarding the old data" : "");
  }
  std::string operator()(const StartPostgres& start) const {
    if (!start.standby) return "start_postgres";
    return fmt::format("start_postgres standby of {}", start.upstream ? start.upstream->name : "nobody");
  }
  std::string operator()(const StopPostgres& stop) const {
    if (stop.immediate) return "stop_postgres immediate";
    return stop.archive_end ? "stop_postgres fast, archiving its end" : "stop_postgres fast";
  }
  std::string operator()(const RestartPostgres&) const { return "restart_postgres"; }
  std::string operator()(const Promote&) const { return "promote"; }
  std::string operator()(const Rewind& rewind) const { return fmt::format("rewind {}", rewind.source.name); }
  std::string operator()(const CancelJob&) const { return "cancel_job"; }
  std::string operator()(const DropRequest& drop) const {
    return drop.kind == RequestKind::reinitialize ? "drop_request reinitialize"
                                                  : "drop_request scheduled_restart";
  }
  std::string operator()(const TakeInitializeKey&) const { return "take_initialize_key"; }
  std::string operator()(const AnnounceBootstrap&) const { return "announce_bootstrap"; }
  std::string operator()(const ConfirmBootstrap&) const { return "confirm_bootstrap"; }
  std::string operator()(const AdoptCluster&) const { return "adopt_cluster"; }
  std::string operator()(const CheckName&) const { return "check_name"; }
  std::string operator()(const ArmWatchdog& arm) const {
    return fmt::format("arm_watchdog {}", base::to_string(arm.timeout));
  }
  std::string operator()(const DisarmWatchdog&) const { return "disarm_watchdog"; }
  std::string operator()(const Refuse&) const { return "refuse"; }
  std::string operator()(const Exit&) const { return "exit"; }
};

}  // namespace

std::string to_string(const Action& action) { return std::visit(Describe{}, action); }

}  // namespace holdfast::ha
