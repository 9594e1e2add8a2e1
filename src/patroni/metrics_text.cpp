#include "patroni/metrics_text.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace holdfast::patroni {
namespace {

using ha::MemberRole;
using ha::MemberState;

// Their place is the value of patroni_postgres_state, fixed for ever.
// https://patroni.readthedocs.io/en/latest/
constexpr std::array<std::pair<MemberState, std::string_view>, 15> kStates{{
    {MemberState::initdb, "initdb"},
    {MemberState::initdb_failed, "initdb_failed"},
    {MemberState::custom_bootstrap, "custom_bootstrap"},
    {MemberState::custom_bootstrap_failed, "custom_bootstrap_failed"},
    {MemberState::creating_replica, "creating_replica"},
    {MemberState::running, "running"},
    {MemberState::starting, "starting"},
    {MemberState::bootstrap_starting, "bootstrap_starting"},
    {MemberState::start_failed, "start_failed"},
    {MemberState::restarting, "restarting"},
    {MemberState::restart_failed, "restart_failed"},
    {MemberState::stopping, "stopping"},
    {MemberState::stopped, "stopped"},
    {MemberState::stop_failed, "stop_failed"},
    {MemberState::crashed, "crashed"},
}};

int number_of(MemberState state) {
  const auto* found = std::ranges::find(kStates, state, &std::pair<MemberState, std::string_view>::first);
  return found == kStates.end() ? -1 : static_cast<int>(found - kStates.begin());
}

// "4.1.4" is 040104.
std::string padded(std::string_view version) {
  std::string out, part;
  for (const char c : std::string(version) + ".") {
    if (c != '.') {
      part += c;
      continue;
    }
    out += fmt::format("{:0>2}", part);
    part.clear();
  }
  return out;
}

// Seconds since 1970 as Python prints a float; 0 for none.
std::string seconds_text(const std::optional<base::WallTime>& time) {
  if (!time || *time == base::WallTime{}) return "0";
  const auto whole = std::chrono::floor<std::chrono::seconds>(*time);
  const auto micros = (*time - whole).count();
  auto text = fmt::format("{}.{:06}", whole.time_since_epoch().count(), micros);
  while (text.ends_with('0') && !text.ends_with(".0")) text.pop_back();
  return text;
}

class Page {
 public:
  explicit Page(const NodeStatus& node)
      : labels_(fmt::format(R"({{scope="{}",name="{}"}})", node.scope, node.name)) {}

  template <class Value>
  void add(std::string_view name, std::string_view help, Value value, std::string_view type = "gauge",
           std::string_view remark = {}) {
    text_ += fmt::format("# HELP {} {}\n{}# TYPE {} {}\n{}{} {}\n", name, help, remark, name, type, name,
                         labels_, value);
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string labels_;
  std::string text_;
};

void add_server(const NodeStatus& node, Page& page) {
  const auto server = node.server.value_or(ServerAnswers{});
  const auto role = shown_role(node);
  const bool standby = node.server && server.in_recovery;
  const bool synchronous = standby && node.synchronous && role == MemberRole::replica;
  const auto received = server.received ? server.received : server.replayed;
  page.add("patroni_postgres_running", "Value is 1 if Postgres is running, 0 otherwise.",
           int{node.state == MemberState::running && node.server});
  page.add("patroni_postmaster_start_time", "Epoch seconds since Postgres started.",
           seconds_text(server.started_at));
  page.add("patroni_primary", "Value is 1 if this node is the leader, 0 otherwise.",
           int{role == MemberRole::primary});
  page.add("patroni_xlog_location",
           "Current location of the Postgres transaction log, 0 if this node is not the leader.",
           standby ? 0 : server.location.value, "counter");
  page.add("patroni_standby_leader", "Value is 1 if this node is the standby_leader, 0 otherwise.",
           int{role == MemberRole::standby_leader});
  page.add("patroni_replica", "Value is 1 if this node is a replica, 0 otherwise.",
           int{role == MemberRole::replica});
  page.add("patroni_sync_standby", "Value is 1 if this node is a sync standby, 0 otherwise.",
           int{synchronous && !node.quorum_mode});
  page.add("patroni_quorum_standby", "Value is 1 if this node is a quorum standby, 0 otherwise.",
           int{synchronous && node.quorum_mode});
  page.add("patroni_xlog_received_location",
           "Current location of the received Postgres transaction log, 0 if this node is not a replica.",
           standby ? received.value : 0, "counter");
  page.add("patroni_xlog_replayed_location",
           "Current location of the replayed Postgres transaction log, 0 if this node is not a replica.",
           standby ? server.replayed.value : 0, "counter");
  page.add("patroni_xlog_replayed_timestamp",
           "Current timestamp of the replayed Postgres transaction log, 0 if null.",
           seconds_text(standby ? server.replayed_timestamp : std::nullopt));
  page.add("patroni_xlog_paused", "Value is 1 if the Postgres xlog is paused, 0 otherwise.",
           int{standby && server.replay_paused});
  if (server.version > 0) {
    page.add("patroni_postgres_streaming", "Value is 1 if Postgres is streaming, 0 otherwise.",
             int{server.replication_state == "streaming"});
    page.add("patroni_postgres_in_archive_recovery",
             "Value is 1 if Postgres is replicating from archive, 0 otherwise.",
             int{server.replication_state == "in archive recovery"});
  }
  page.add("patroni_postgres_server_version", "Version of Postgres (if running), 0 otherwise.",
           server.version);
}

void add_cluster(const NodeStatus& node, Page& page) {
  page.add("patroni_cluster_unlocked", "Value is 1 if the cluster is unlocked, 0 if locked.",
           int{node.cluster_unlocked});
  page.add("patroni_failsafe_mode_is_active", "Value is 1 if failsafe mode is active, 0 if inactive.",
           int{node.failsafe_active});
  page.add("patroni_postgres_timeline", "Postgres timeline of this node (if running), 0 otherwise.",
           node.server ? node.server->timeline : 0);
  page.add("patroni_dcs_last_seen", "Epoch timestamp when DCS was last contacted successfully by Patroni.",
           node.dcs_last_seen);
  page.add("patroni_pending_restart", "Value is 1 if the node needs a restart, 0 otherwise.",
           int{!node.pending_restart_reason.empty()});
  page.add("patroni_is_paused", "Value is 1 if auto failover is disabled, 0 otherwise.", int{node.paused});
}

}  // namespace

std::string metrics_text(const NodeStatus& node) {
  Page page(node);
  page.add("patroni_version", "Patroni semver without periods.", padded(node.version));
  add_server(node, page);
  add_cluster(node, page);
  std::string states = "# Values: ";
  for (std::size_t i = 0; i < kStates.size(); ++i)
    states += fmt::format("{}{}={}", i == 0 ? "" : ", ", i, kStates[i].second);
  page.add("patroni_postgres_state", "Numeric representation of Postgres state.", number_of(node.state),
           "gauge", states + "\n");
  return std::move(page).text();
}

}  // namespace holdfast::patroni
