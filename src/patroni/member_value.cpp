#include "patroni/member_value.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <limits>
#include <utility>

#include "patroni/json_text.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;
using ha::MemberRole;
using ha::MemberState;

constexpr std::array<std::pair<MemberState, std::string_view>, 16> kStates{{
    {MemberState::unknown, "unknown"},
    {MemberState::initdb, "initializing new cluster"},
    {MemberState::initdb_failed, "initdb failed"},
    {MemberState::custom_bootstrap, "running custom bootstrap script"},
    {MemberState::custom_bootstrap_failed, "custom bootstrap failed"},
    {MemberState::creating_replica, "creating replica"},
    {MemberState::running, "running"},
    {MemberState::starting, "starting"},
    {MemberState::bootstrap_starting, "starting after custom bootstrap"},
    {MemberState::start_failed, "start failed"},
    {MemberState::restarting, "restarting"},
    {MemberState::restart_failed, "restart failed"},
    {MemberState::stopping, "stopping"},
    {MemberState::stopped, "stopped"},
    {MemberState::stop_failed, "stop failed"},
    {MemberState::crashed, "crashed"},
}};

constexpr std::array<std::pair<MemberRole, std::string_view>, 7> kRoles{{
    {MemberRole::uninitialized, "uninitialized"},
    {MemberRole::replica, "replica"},
    {MemberRole::primary, "primary"},
    {MemberRole::standby_leader, "standby_leader"},
    {MemberRole::promoted, "promoted"},
    {MemberRole::demoted, "demoted"},
    {MemberRole::primary, "master"},
}};

// Reads single fields of an object; what is absent or of another type leaves the target as it was.
struct Fields {
  const json::object& object;

  void text(std::string_view key, std::string& into) const {
    if (const auto* value = object.if_contains(key); value && value->is_string())
      into = std::string_view(value->get_string());
  }
  void object_of(std::string_view key, json::object& into) const {
    if (const auto* value = object.if_contains(key); value && value->is_object()) into = value->get_object();
  }
  void boolean(std::string_view key, bool& into) const {
    if (const auto* value = object.if_contains(key)) into = boolean_of(*value).value_or(into);
  }
  void lsn(std::string_view key, std::optional<pg::Lsn>& into) const {
    const auto* value = object.if_contains(key);
    const auto number = value ? integer_of(*value) : std::nullopt;
    if (number && *number >= 0) into = pg::Lsn{static_cast<std::uint64_t>(*number)};
  }
};

bool tag_is_set(const json::object& tags, std::string_view key) {
  const auto* value = tags.if_contains(key);
  if (!value || value->is_null()) return false;
  if (const auto known = boolean_of(*value)) return *known;
  const auto text = scalar_text(*value);
  return !text || !text->empty();
}

int tag_priority(const json::object& tags, std::string_view key) {
  const auto* value = tags.if_contains(key);
  const auto number = value ? integer_of(*value) : std::nullopt;
  if (!number) return 1;
  return static_cast<int>(std::clamp<std::int64_t>(*number, 0, std::numeric_limits<int>::max()));
}

// nofailover wins over failover_priority where both are set, nosync over sync_priority.
void apply_priority(const json::object& tags, std::string_view flag_key, std::string_view priority_key,
                    bool& flag, int& priority) {
  const auto* given = tags.if_contains(flag_key);
  priority = tag_priority(tags, priority_key);
  flag = given && !given->is_null() ? tag_is_set(tags, flag_key) : priority <= 0;
  if (flag) priority = 0;
}

}  // namespace

json::object pending_restart_reason(const std::vector<ha::PendingSetting>& pending) {
  json::object reason;
  for (const auto& setting : pending)
    reason[setting.name] = {{"old_value", setting.old_value}, {"new_value", setting.new_value}};
  return reason;
}

std::string_view to_string(MemberState state) {
  return std::ranges::find(kStates, state, [](const auto& row) { return row.first; })->second;
}

std::string_view to_string(MemberRole role) {
  return std::ranges::find(kRoles, role, [](const auto& row) { return row.first; })->second;
}

MemberState parse_member_state(std::string_view text) {
  const auto row = std::ranges::find(kStates, text, [](const auto& r) { return r.second; });
  return row == kStates.end() ? MemberState::unknown : row->first;
}

MemberRole parse_member_role(std::string_view text) {
  const auto row = std::ranges::find(kRoles, text, [](const auto& r) { return r.second; });
  return row == kRoles.end() ? MemberRole::uninitialized : row->first;
}

base::Result<MemberValue> parse_member_value(std::string_view text) {
  const auto object = parse_json_object(text);
  if (!object) return std::unexpected(object.error());
  const Fields read{*object};
  MemberValue value;
  std::string state, role;
  read.text("conn_url", value.conn_url);
  read.text("api_url", value.api_url);
  read.text("state", state);
  read.text("role", role);
  read.text("version", value.version);
  read.text("proxy_url", value.proxy_url);
  read.object_of("tags", value.tags);
  read.boolean("pending_restart", value.pending_restart);
  read.object_of("pending_restart_reason", value.pending_restart_reason);
  read.lsn("xlog_location", value.xlog_location);
  read.lsn("replay_lsn", value.replay_lsn);
  read.lsn("receive_lsn", value.receive_lsn);
  read.text("replication_state", value.replication_state);
  read.object_of("scheduled_restart", value.scheduled_restart);
  read.boolean("pause", value.pause);
  read.text("holdfast", value.holdfast);
  if (const auto* checkpoint = object->if_contains("checkpoint_after_promote"))
    value.checkpoint_after_promote = boolean_of(*checkpoint);
  if (const auto* timeline = object->if_contains("timeline"))
    if (const auto number = integer_of(*timeline); number && std::in_range<pg::Timeline>(*number))
      value.timeline = static_cast<pg::Timeline>(*number);
  value.state = parse_member_state(state);
  value.role = parse_member_role(role);
  return value;
}

std::string write_member_value(const MemberValue& value) {
  // In Patroni's order, so that a diff of two dumps of etcd shows only what differs.
  json::object out;
  const auto lsn = [&](std::string_view key, const std::optional<pg::Lsn>& position) {
    if (position) out[key] = position->value;
  };
  out["conn_url"] = value.conn_url;
  out["api_url"] = value.api_url;
  out["state"] = to_string(value.state);
  out["role"] = to_string(value.role);
  out["version"] = value.version;
  if (!value.proxy_url.empty()) out["proxy_url"] = value.proxy_url;
  if (value.checkpoint_after_promote) out["checkpoint_after_promote"] = *value.checkpoint_after_promote;
  if (!value.tags.empty()) out["tags"] = value.tags;
  if (value.pending_restart) out["pending_restart"] = true;
  if (!value.pending_restart_reason.empty()) out["pending_restart_reason"] = value.pending_restart_reason;
  lsn("xlog_location", value.xlog_location);
  lsn("replay_lsn", value.replay_lsn);
  lsn("receive_lsn", value.receive_lsn);
  if (!value.replication_state.empty()) out["replication_state"] = value.replication_state;
  if (value.timeline) out["timeline"] = *value.timeline;
  if (!value.scheduled_restart.empty()) out["scheduled_restart"] = value.scheduled_restart;
  if (value.pause) out["pause"] = true;
  if (!value.holdfast.empty()) out["holdfast"] = value.holdfast;
  return to_json_text(out, JsonLayout::compact);
}

ha::Tags parse_tags(const json::object& tags) {
  ha::Tags result;
  result.noloadbalance = tag_is_set(tags, "noloadbalance");
  result.clonefrom = tag_is_set(tags, "clonefrom");
  result.nostream = tag_is_set(tags, "nostream");
  apply_priority(tags, "nofailover", "failover_priority", result.nofailover, result.failover_priority);
  apply_priority(tags, "nosync", "sync_priority", result.nosync, result.sync_priority);
  if (const auto* from = tags.if_contains("replicatefrom"))
    result.replicatefrom = scalar_text(*from).value_or(std::string());
  return result;
}

json::object published_tags(const json::object& configured) {
  constexpr std::array kDefaultOff{"clonefrom", "nofailover", "noloadbalance", "nosync", "nostream"};
  json::object result;
  for (const auto& [key, value] : configured) {
    const bool predefined = std::ranges::any_of(kDefaultOff, [&](const char* name) { return key == name; });
    const bool beside_priority = (key == "nofailover" && configured.contains("failover_priority")) ||
                                 (key == "nosync" && configured.contains("sync_priority"));
    if (!predefined || beside_priority || tag_is_set(configured, key)) result[key] = value;
  }
  return result;
}

ha::Member to_member(std::string name, ha::LeaseId lease, const MemberValue& value) {
  return {
      .name = std::move(name),
      .conn_url = value.conn_url,
      .api_url = value.api_url,
      .state = value.state,
      .role = value.role,
      .timeline = value.timeline.value_or(0),
      .xlog_location = value.xlog_location,
      .receive_lsn = value.receive_lsn,
      .replay_lsn = value.replay_lsn,
      .replication_state = value.replication_state,
      .version = value.version,
      .holdfast = value.holdfast,
      .checkpoint_after_promote = value.checkpoint_after_promote,
      .pending_restart = value.pending_restart,
      .pause = value.pause,
      .tags = parse_tags(value.tags),
      .lease = lease,
  };
}

}  // namespace holdfast::patroni
