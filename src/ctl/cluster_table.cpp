#include "ctl/cluster_table.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <set>

#include "patroni/json_text.hpp"
#include "patroni/rest_json.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;

constexpr int kDefaultPort = 5432;

json::value field(const json::object& member, std::string_view key) {
  const auto* value = member.if_contains(key);
  return value ? *value : json::value("");
}

std::string text_of(const json::object& member, std::string_view key) {
  return patroni::scalar_text(field(member, key)).value_or("");
}

// "sync_standby" is "Sync Standby".
std::string title_case(std::string text) {
  std::ranges::replace(text, '_', ' ');
  bool begins = true;
  for (char& c : text) {
    if (begins && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    begins = c == ' ';
  }
  return text;
}

// A position and how many MB it is behind the leader's.
struct Lag {
  json::value lsn = "";
  json::value behind = "";
};

json::value in_megabytes(const json::value& bytes) {
  const auto number = patroni::integer_of(bytes);
  if (!bytes.is_number() || !number) return bytes == "unknown" ? json::value("") : bytes;
  return std::llrint(static_cast<double>(*number) / 1024 / 1024);
}

// Members before Patroni 4.1 tell only one position, of what was received or replayed.
std::pair<Lag, Lag> lags_of(const json::object& member) {
  Lag received{field(member, "receive_lsn"), field(member, "receive_lag")};
  Lag replayed{field(member, "replay_lsn"), field(member, "replay_lag")};
  const auto only = field(member, "lsn");
  if (received.lsn == "unknown" && replayed.lsn == "unknown" && only != "" && only != "unknown")
    (text_of(member, "state") == "streaming" ? received : replayed) = {only, field(member, "lag")};
  received.behind = in_megabytes(received.behind);
  replayed.behind = in_megabytes(replayed.behind);
  return {received, replayed};
}

std::string restart_reasons(const json::object& member, bool for_people) {
  const auto* reasons = member.if_contains("pending_restart_reason");
  if (!reasons || !reasons->is_object()) return {};
  std::string out;
  for (const auto& [parameter, values] : reasons->get_object()) {
    if (!values.is_object()) continue;
    auto text =
        fmt::format("{}: {}->{}", std::string_view(parameter), text_of(values.get_object(), "old_value"),
                    text_of(values.get_object(), "new_value"));
    if (for_people && text.size() > 50)
      text = fmt::format("{}: [hidden - too long]", std::string_view(parameter));
    out += (out.empty() ? "" : "\n") + text;
  }
  return out;
}

std::string scheduled_restart(const json::object& member) {
  const auto* scheduled = member.if_contains("scheduled_restart");
  if (!scheduled || !scheduled->is_object()) return {};
  const auto& restart = scheduled->get_object();
  auto text = text_of(restart, "schedule");
  if (restart.contains("postgres_version")) text += " if version < " + text_of(restart, "postgres_version");
  return text;
}

// Ports are shown where they tell members apart, or are unusual.
bool ports_matter(const json::array& members) {
  std::set<std::string> hosts;
  std::size_t count = 0;
  for (const auto& item : members) {
    const auto& member = item.get_object();
    if (!member.contains("host")) continue;
    ++count;
    hosts.insert(text_of(member, "host"));
    if (member.contains("port") && member.at("port") != kDefaultPort) return true;
  }
  return hosts.size() < count;
}

std::string host_of(const json::object& member, bool with_port) {
  const auto host = text_of(member, "host");
  return with_port && !host.empty() && member.contains("port") ? host + ":" + text_of(member, "port") : host;
}

bool is_leader(const json::object& member) { return text_of(member, "role").ends_with("leader"); }

// The leader first, each replica below whom it replicates from, with its name indented.
json::array as_tree(const json::array& members) {
  std::map<std::string, std::vector<const json::object*>> children;
  std::set<std::string> replicas;
  std::string leader;
  for (const auto& item : members) {
    const auto& member = item.get_object();
    if (is_leader(member))
      leader = text_of(member, "name");
    else
      replicas.insert(text_of(member, "name"));
  }
  for (const auto& item : members) {
    const auto& member = item.get_object();
    if (is_leader(member)) continue;
    const auto* tags = member.if_contains("tags");
    auto parent = tags && tags->is_object() ? text_of(tags->get_object(), "replicatefrom") : std::string();
    if (parent == text_of(member, "name") || !replicas.contains(parent)) parent = leader;
    children[parent].push_back(&member);
  }
  json::array tree;
  std::set<const json::object*> placed;
  const auto place = [&](const auto& self, const json::object& member, std::size_t level) -> void {
    if (!placed.insert(&member).second) return;
    auto shown = member;
    const auto name = text_of(member, "name");
    if (level > 0) shown["name"] = std::string((level - 1) * 2, ' ') + "+ " + name;
    tree.push_back(shown);
    for (const auto* child : children[name]) self(self, *child, level + 1);
  };
  for (const auto& item : members)
    if (is_leader(item.get_object())) place(place, item.get_object(), 0);
  // Without a leader, or when members replicate from each other in a circle, nobody must be forgotten.
  for (const auto* orphan : children[leader]) place(place, *orphan, 1);
  for (const auto& item : members) place(place, item.get_object(), 1);
  return tree;
}

Table members_table(json::array members, std::string_view scope, Format format, bool extended) {
  const bool for_people = format == Format::pretty || format == Format::topology;
  const bool with_port = ports_matter(members);
  Table table{
      .columns = {"Member", "Host", "Role", "State", "TL", "Receive LSN", for_people ? "Lag" : "Receive Lag",
                  "Replay LSN", for_people ? "Lag" : "Replay Lag"},
      .rows = {},
      .right_aligned = {"Receive LSN", "Replay LSN", "Lag", "TL"},
      .title = {},
      .omit_empty = true};
  if (!for_people) table.columns.insert(table.columns.begin(), "Cluster");

  const std::array optional_columns = {std::pair{"Pending restart", "pending_restart"},
                                       std::pair{"Pending restart reason", "pending_restart_reason"},
                                       std::pair{"Scheduled restart", "scheduled_restart"},
                                       std::pair{"Tags", "tags"}};
  std::vector<std::string_view> shown;
  for (const auto& [column, key] : optional_columns) {
    const auto has = [&](const json::value& m) {
      return m.get_object().contains("host") && m.get_object().contains(key);
    };
    if (!extended && std::ranges::none_of(members, has)) continue;
    table.columns.emplace_back(column);
    shown.emplace_back(key);
  }

  if (format == Format::topology) members = as_tree(members);
  for (const auto& item : members) {
    const auto& member = item.get_object();
    const auto [received, replayed] = lags_of(member);
    auto& row = table.rows.emplace_back();
    if (!for_people) row.emplace_back(scope);
    row.insert(row.end(),
               {field(member, "name"), json::value(host_of(member, with_port)),
                json::value(title_case(text_of(member, "role"))), field(member, "state"),
                field(member, "timeline"), received.lsn, received.behind, replayed.lsn, replayed.behind});
    for (const auto key : shown) {
      if (key == "pending_restart") row.emplace_back(member.contains(key) ? "*" : "");
      if (key == "pending_restart_reason") row.emplace_back(restart_reasons(member, for_people));
      if (key == "scheduled_restart") row.emplace_back(scheduled_restart(member));
      if (key == "tags") row.push_back(field(member, key));
    }
  }
  return table;
}

std::string service_lines(const json::object& cluster) {
  std::string out;
  if (cluster.contains("pause")) out += " Maintenance mode: on\n";
  const auto* scheduled = cluster.if_contains("scheduled_switchover");
  if (!scheduled) return out;
  const auto& switchover = scheduled->get_object();
  out += fmt::format(" Switchover scheduled at: {}\n", text_of(switchover, "at"));
  for (const auto* name : {"from", "to"})
    if (switchover.contains(name)) out += fmt::format("{:>24}: {}\n", name, text_of(switchover, name));
  return out;
}

}  // namespace

std::string show_cluster(const patroni::DcsContents& contents, std::string_view scope, Format format,
                         bool extended) {
  const auto cluster = patroni::cluster_json(contents, scope);
  auto table = members_table(cluster.at("members").get_array(), scope, format, extended);
  const auto& initialize = contents.view.initialize;
  table.title = fmt::format(" Cluster: {} ({}) ", scope,
                            !initialize           ? "uninitialized"
                            : initialize->empty() ? "initializing"
                                                  : *initialize);
  const bool for_people = format == Format::pretty || format == Format::topology;
  return render(table, format) + (for_people ? service_lines(cluster) : std::string());
}

std::string show_history(const patroni::DcsContents& contents, Format format) {
  Table table{.columns = {"TL", "LSN", "Reason", "Timestamp", "New Leader"},
              .rows = {},
              .right_aligned = {"TL", "LSN"},
              .title = {},
              .omit_empty = false};
  for (const auto& entry : contents.history)
    table.rows.push_back(
        json::array{entry.timeline, entry.at.value, entry.reason, entry.timestamp, entry.new_leader});
  return render(table, format);
}

}  // namespace holdfast::ctl
