#include "patroni/health_checks.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <boost/url/decode_view.hpp>
#include <charconv>
#include <cmath>
#include <limits>

#include "patroni/json_text.hpp"

namespace holdfast::patroni {
namespace {

using ha::MemberRole;
using ha::MemberState;

bool running(const NodeStatus& node) { return node.state == MemberState::running; }

pg::Lsn leader_position(const NodeStatus& node) {
  return std::max(node.leader_position, node.server ? node.server->latest_end : pg::Lsn{});
}

// Who leads, in three senses. While etcd is away in pause the role must do, because nobody will change it.
bool leads(const NodeStatus& node) {
  const auto role = shown_role(node);
  if (!node.dcs_available && node.paused)
    return role == MemberRole::primary || role == MemberRole::standby_leader;
  return node.is_leader;
}
bool is_primary(const NodeStatus& node) {
  const bool known_in_recovery = node.server && node.server->in_recovery;
  if (!node.dcs_available && node.paused) return shown_role(node) == MemberRole::primary;
  return node.is_leader && !node.standby_cluster && !known_in_recovery;
}
bool is_standby_leader(const NodeStatus& node) {
  const auto role = shown_role(node);
  if (!node.dcs_available && node.paused) return role == MemberRole::standby_leader;
  return node.is_leader && node.standby_cluster &&
         (role == MemberRole::replica || role == MemberRole::standby_leader);
}
bool leads_somehow(const NodeStatus& node) { return is_primary(node) || is_standby_leader(node); }

bool is_replica(const NodeStatus& node, const Query& query) {
  if (node.tags.noloadbalance || shown_role(node) != MemberRole::replica || !running(node)) return false;
  if (node.is_leader && node.standby_cluster) return false;
  const auto wanted_state = query.find("replication_state");
  const auto state = node.server ? std::string_view(node.server->replication_state) : std::string_view();
  if (wanted_state != query.end() && !wanted_state->second.empty() && wanted_state->second != state)
    return false;
  const auto lag_text = query.find("lag");
  const auto limit = lag_text == query.end() ? std::nullopt : parse_bytes(lag_text->second);
  if (!limit || !leader_position(node)) return true;
  return pg::lag_bytes(leader_position(node), node.server ? node.server->replayed : pg::Lsn{}) <= *limit;
}

bool is_sync(const NodeStatus& node) { return node.synchronous && !node.quorum_mode; }
bool is_quorum(const NodeStatus& node) { return node.synchronous && node.quorum_mode; }

// The checks that speak of /sync say no while etcd is away: the set may have changed.
bool check_sync(const NodeStatus& node, const Query& query) {
  return node.dcs_available && is_sync(node) && is_replica(node, query);
}
bool check_quorum(const NodeStatus& node, const Query& query) {
  return node.dcs_available && is_quorum(node) && is_replica(node, query);
}
bool check_async(const NodeStatus& node, const Query& query) {
  return node.dcs_available && !node.synchronous && is_replica(node, query);
}
bool check_read_only(const NodeStatus& node, const Query& query) {
  return leads_somehow(node) || is_replica(node, query);
}
bool check_read_only_sync(const NodeStatus& node, const Query& query) {
  return node.dcs_available && (leads_somehow(node) || check_sync(node, query));
}
bool check_read_only_quorum(const NodeStatus& node, const Query& query) {
  return node.dcs_available && (leads_somehow(node) || check_quorum(node, query));
}
bool check_health(const NodeStatus& node, const Query&) { return running(node); }
bool check_leader(const NodeStatus& node, const Query&) { return leads(node); }
bool check_primary(const NodeStatus& node, const Query&) { return is_primary(node); }
bool check_standby_leader(const NodeStatus& node, const Query&) { return is_standby_leader(node); }

// A replica may be without its agent for longer: nothing there depends on a lease.
bool check_liveness(const NodeStatus& node, const Query&) {
  const bool primary = running(node) && shown_role(node) == MemberRole::primary;
  return node.paused || node.since_last_look < node.ttl * (primary ? 1 : 2);
}

// Whether the next node of a rolling update may be taken down: this one is the leader, or close behind it.
bool check_readiness(const NodeStatus& node, const Query& query) {
  if (node.is_leader) return true;
  if (!running(node) || !node.server || node.server->replication_state != "streaming") return false;
  if (!node.dcs_available && !node.server->latest_end) return node.failsafe_active;
  const auto mode = query.find("mode");
  const bool by_received = mode != query.end() && mode->second == "write";
  const auto position = by_received ? node.server->received : node.server->replayed;
  const auto lag_text = query.find("lag");
  const auto limit = lag_text == query.end() ? std::nullopt : parse_bytes(lag_text->second);
  return pg::lag_bytes(leader_position(node), position) <= limit.value_or(node.maximum_lag_on_failover);
}

struct Check {
  std::string_view path;
  bool (*passes)(const NodeStatus&, const Query&);
  bool tags_matter = false;  // ?tag_NAME=VALUE must match too
  bool anywhere = false;     // any path that contains it: /replica, /replica-1, /pg/replica
};

// The first that fits counts. So loose are Patroni's paths, and load balancers lean on it.
constexpr std::array kChecks = {
    Check{"/", check_primary},
    Check{"/liveness", check_liveness},
    Check{"/readiness", check_readiness},
    Check{"standby_leader", check_standby_leader, false, true},
    Check{"standby-leader", check_standby_leader, false, true},
    Check{"leader", check_leader, false, true},
    Check{"master", check_primary, false, true},
    Check{"primary", check_primary, false, true},
    Check{"read-write", check_primary, false, true},
    Check{"replica", is_replica, true, true},
    Check{"/read-only-sync", check_read_only_sync, true},
    Check{"/read-only-synchronous", check_read_only_sync, true},
    Check{"/read-only-quorum", check_read_only_quorum, true},
    Check{"read-only", check_read_only, true, true},
    Check{"health", check_health, true, true},
    Check{"/synchronous", check_sync, true},
    Check{"/sync", check_sync, true},
    Check{"/quorum", check_quorum, true},
    Check{"/asynchronous", check_async, true},
    Check{"/async", check_async, true},
};

bool fits(const Check& check, std::string_view path) {
  if (!check.anywhere) return path == check.path;
  const bool of_sync = path.contains("sync") || path.contains("quorum");
  return path.contains(check.path) && !(check.path == "read-only" && of_sync);
}

bool tags_match(const Query& query, const boost::json::object& tags) {
  constexpr std::string_view kPrefix = "tag_";
  return std::ranges::all_of(query, [&](const auto& entry) {
    if (!entry.first.starts_with(kPrefix)) return true;
    const auto* tag = tags.if_contains(std::string_view(entry.first).substr(kPrefix.size()));
    if (!tag) return false;
    if (tag->is_bool()) return entry.second == (tag->get_bool() ? "true" : "false");
    return scalar_text(*tag) == entry.second;
  });
}

std::string decoded(std::string_view text) {
  std::string plain(text);
  std::ranges::replace(plain, '+', ' ');
  const auto view = boost::urls::make_pct_string_view(plain);
  if (!view) return plain;  // not a valid encoding: taken as it is
  const auto decoded_view = **view;
  return {decoded_view.begin(), decoded_view.end()};
}

}  // namespace

Query parse_query(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto part = text.substr(0, end);
    const auto equals = std::min(part.find('='), part.size());
    if (!part.empty())
      query.emplace(decoded(part.substr(0, equals)), decoded(part.substr(std::min(equals + 1, part.size()))));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return query;
}

std::optional<int> health_status(std::string_view path, const Query& query, const NodeStatus& node) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const auto* check = std::ranges::find_if(kChecks, [&](const Check& one) { return fits(one, path); });
  if (check == kChecks.end()) return std::nullopt;
  return check->passes(node, query) && (!check->tags_matter || tags_match(query, node.tags_json)) ? 200 : 503;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{{{"", 1},
                                                                       {"B", 1},
                                                                       {"kB", 1024},
                                                                       {"MB", 1024.0 * 1024},
                                                                       {"GB", 1024.0 * 1024 * 1024},
                                                                       {"TB", 1024.0 * 1024 * 1024 * 1024}}};
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !(number >= 0)) return std::nullopt;
  auto unit_text = text.substr(static_cast<std::size_t>(end - text.data()));
  while (unit_text.starts_with(' ')) unit_text.remove_prefix(1);
  const auto unit = std::ranges::find(kUnits, unit_text, [](const auto& u) { return u.first; });
  if (unit == kUnits.end()) return std::nullopt;
  const auto bytes = number * unit->second;
  if (bytes >= 1e19) return std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(std::llround(std::min(bytes, 9.2e18)));
}

}  // namespace holdfast::patroni
