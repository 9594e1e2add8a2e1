#include "patroni/rest_json.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "patroni/json_text.hpp"
#include "pg/conninfo.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;
using ha::MemberRole;

std::string spaced(const json::value& value) { return to_json_text(value, JsonLayout::spaced); }

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

json::object xlog_json(const ServerAnswers& server) {
  if (!server.in_recovery) return {{"location", server.location.value}};
  const auto received = server.received ? server.received : server.replayed;
  const auto& replayed_at = server.replayed_timestamp;
  return {{"received_location", received.value},
          {"replayed_location", server.replayed.value},
          {"replayed_timestamp",
           replayed_at ? json::value(base::to_python_text(*replayed_at)) : json::value(nullptr)},
          {"paused", server.replay_paused}};
}

json::array replication_json(const std::vector<ReplicationRow>& rows) {
  json::array out;
  for (const auto& row : rows)
    out.push_back(json::object{{"usename", row.usename},
                               {"application_name", row.application_name},
                               {"client_addr", text_or_null(row.client_addr)},
                               {"state", row.state},
                               {"sync_state", row.sync_state},
                               {"sync_priority", row.sync_priority}});
  return out;
}

void add_server(const NodeStatus& node, const ServerAnswers& server, json::object& out) {
  out["state"] = to_string(node.state);
  out["postmaster_start_time"] = base::to_python_text(server.started_at);
  out["role"] = to_string(shown_role(node));
  out["server_version"] = server.version;
  out["xlog"] = xlog_json(server);
  if (node.synchronous && shown_role(node) == MemberRole::replica)
    out[node.quorum_mode ? "quorum_standby" : "sync_standby"] = true;
  out["timeline"] = server.timeline ? json::value(server.timeline) : json::value(nullptr);
  if (!server.replication_state.empty()) out["replication_state"] = server.replication_state;
  if (!server.replication.empty()) out["replication"] = replication_json(server.replication);
}

void add_cluster(const NodeStatus& node, json::object& out) {
  if (node.paused) out["pause"] = true;
  if (node.cluster_unlocked) out["cluster_unlocked"] = true;
  if (node.failsafe_active) out["failsafe_mode_is_active"] = true;
  out["dcs_last_seen"] = node.dcs_last_seen;
}

void add_node(const NodeStatus& node, json::object& out) {
  if (!node.tags_json.empty()) out["tags"] = node.tags_json;
  if (!node.system_id.empty()) out["database_system_identifier"] = node.system_id;
  if (!node.pending_restart_reason.empty()) {
    out["pending_restart"] = true;
    out["pending_restart_reason"] = node.pending_restart_reason;
  }
  out["patroni"] = {{"version", node.version}, {"scope", node.scope}, {"name", node.name}};
  if (!node.scheduled_restart.empty()) out["scheduled_restart"] = node.scheduled_restart;
  if (node.watchdog_failed) out["watchdog_failed"] = true;
  if (node.holdfast.empty()) return;
  json::object ours{{"version", node.holdfast}, {"epoch", node.epoch}};
  if (const auto& copy = node.reinitialize) {
    json::object shown{{"doing", copy->doing}};
    if (copy->share >= 0) shown["percent"] = static_cast<int>(copy->share * 100);
    ours["reinitialize"] = std::move(shown);
  } else if (!node.last_reinitialize.empty()) {
    ours["last_reinitialize"] = node.last_reinitialize;
  }
  if (node.confirms_nothing_since) ours["confirms_nothing_since"] = *node.confirms_nothing_since;
  out["holdfast"] = std::move(ours);
}

bool config_flag(const json::object& config, std::string_view key) {
  const auto* value = config.if_contains(key);
  return value && boolean_of(*value).value_or(false);
}

std::string_view cluster_role(const DcsContents& contents, const json::object& config,
                              std::string_view name) {
  if (contents.view.led_by(name)) return is_standby_cluster(config) ? "standby_leader" : "leader";
  if (is_synchronous_mode(config) && is_sync_standby(contents.view, name))
    return is_quorum_mode(config) ? "quorum_standby" : "sync_standby";
  return "replica";
}

// How far a member's position is behind the leader's.
void add_lag(std::string_view prefix, const std::optional<pg::Lsn>& lsn, pg::Lsn leader, json::object& out) {
  const auto lsn_key = std::string(prefix) + "lsn";
  const auto lag_key = std::string(prefix) + "lag";
  if (!lsn || !*lsn) {
    out[lsn_key] = "unknown";
    out[lag_key] = "unknown";
    return;
  }
  out[lag_key] = pg::lag_bytes(leader, *lsn);
  out[lsn_key] = pg::to_string(*lsn);
}

json::object member_json(const DcsContents& contents, const json::object& config, const std::string& name,
                         const MemberValue& member) {
  const auto role = cluster_role(contents, config, name);
  json::object out{{"name", name}, {"role", role}};
  const bool streams = role != "leader" && !member.replication_state.empty();
  out["state"] = streams ? std::string_view(member.replication_state) : to_string(member.state);
  out["api_url"] = text_or_null(member.api_url);
  if (const auto url = pg::parse_connection_url(member.conn_url); url && !url->host.empty()) {
    out["host"] = url->host;
    out["port"] = url->port;
  }
  if (member.timeline) out["timeline"] = *member.timeline;
  if (member.pending_restart) out["pending_restart"] = true;
  if (!member.pending_restart_reason.empty()) out["pending_restart_reason"] = member.pending_restart_reason;
  if (!member.scheduled_restart.empty()) out["scheduled_restart"] = member.scheduled_restart;
  if (!member.tags.empty()) out["tags"] = member.tags;
  if (contents.view.led_by(name)) return out;
  const auto leader = contents.view.status.optime;
  add_lag("receive_", member.receive_lsn, leader, out);
  add_lag("replay_", member.replay_lsn, leader, out);
  add_lag("", member.xlog_location, leader, out);
  return out;
}

}  // namespace

bool is_quorum_mode(const json::object& config) {
  const auto* mode = config.if_contains("synchronous_mode");
  return mode && mode->is_string() && same_name(mode->get_string(), "quorum");
}

bool is_standby_cluster(const json::object& config) {
  const auto* section = config.if_contains("standby_cluster");
  if (!section || !section->is_object()) return false;
  return std::ranges::any_of(std::initializer_list<const char*>{"host", "port", "restore_command"},
                             [&](auto key) {
                               const auto* value = section->get_object().if_contains(key);
                               const auto text = value ? scalar_text(*value) : std::nullopt;
                               return text && !text->empty();
                             });
}

bool is_synchronous_mode(const json::object& config) {
  return (is_quorum_mode(config) || config_flag(config, "synchronous_mode")) && !is_standby_cluster(config);
}

bool is_paused(const json::object& config) { return config_flag(config, "pause"); }

bool is_sync_standby(const ha::ClusterView& view, std::string_view name) {
  return view.sync &&
         std::ranges::any_of(view.sync->standbys, [&](const auto& s) { return same_name(s, name); });
}

MemberRole shown_role(const NodeStatus& node) {
  if (!node.server) return node.role;
  if (!node.server->in_recovery) return MemberRole::primary;
  return node.standby_cluster && node.is_leader ? MemberRole::standby_leader : MemberRole::replica;
}

std::string status_body(const NodeStatus& node) {
  json::object out;
  if (node.server)
    add_server(node, *node.server, out);
  else
    out = {{"state", to_string(node.state)}, {"role", to_string(node.role)}};
  add_cluster(node, out);
  add_node(node, out);
  return spaced(out);
}

json::object cluster_json(const DcsContents& contents, std::string_view scope) {
  const auto config = contents.config.value_or(json::object());
  json::array members;
  for (const auto& [name, member] : contents.members)
    members.push_back(member_json(contents, config, name, member));
  json::object out{{"members", std::move(members)}};
  if (is_paused(config)) out["pause"] = true;
  if (const auto& request = contents.view.failover; request && request->scheduled_at) {
    json::object scheduled{{"at", base::to_iso8601(*request->scheduled_at)}};
    if (request->leader) scheduled["from"] = *request->leader;
    if (request->candidate) scheduled["to"] = *request->candidate;
    out["scheduled_switchover"] = std::move(scheduled);
  }
  out["scope"] = scope;
  return out;
}

std::string cluster_body(const DcsContents& contents, std::string_view scope) {
  auto out = cluster_json(contents, scope);
  if (const auto& leader = contents.view.leader) out["holdfast"] = {{"epoch", leader->epoch}};
  return spaced(out);
}

std::string history_body(const std::vector<HistoryEntry>& history) {
  return spaced(parse_json(write_history(history)).value_or(json::array()));
}

std::string failsafe_body(const std::map<ha::MemberName, std::string>& members) {
  json::object out;
  for (const auto& [name, url] : members) out[name] = url;
  return to_json_text(out, JsonLayout::spaced);
}

std::string config_body(const json::object& config) { return spaced(config); }

}  // namespace holdfast::patroni
