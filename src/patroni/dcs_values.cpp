#include "patroni/dcs_values.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "patroni/json_text.hpp"
#include "patroni/timestamp.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;
using base::ErrorKind;
using base::Result;

std::string text_field(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(std::string_view(value->get_string())) : std::string();
}

// "a,b , c" without empty parts.
std::set<ha::MemberName> split_names(std::string_view text) {
  std::set<ha::MemberName> names;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    auto name = text.substr(0, comma);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!name.empty()) names.emplace(name);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return names;
}

std::string join_names(const std::set<ha::MemberName>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

// Reads one snapshot; every method takes the value of one key.
class Reader {
 public:
  Reader(const Keys& keys, ha::Revision revision) : keys_(keys) { contents_.view.revision = revision; }

  void read(const KeyValue& entry) {
    const auto name = keys_.relative(entry.key);
    auto& view = contents_.view;
    if (name == "leader")
      read_leader(entry);
    else if (name == "config")
      read_config(entry);
    else if (name == "sync")
      read_sync(entry);
    else if (name == "failover")
      read_failover(entry);
    else if (name == "status")
      keep(entry, parse_status(entry.value), view.status);
    else if (name == "history")
      keep(entry, parse_history(entry.value), contents_.history);
    else if (name == "failsafe")
      read_failsafe(entry);
    else if (name.starts_with("members/"))
      read_member(entry, name.substr(std::string_view("members/").size()));
    else if (name == "initialize") {
      view.initialize = entry.value;
      view.initialize_revision = entry.mod_revision;
    }
  }

  DcsContents finish() && {
    auto& view = contents_.view;
    std::ranges::sort(view.members, {}, &ha::Member::name);
    for (const auto& entry : contents_.history) view.history.push_back(entry.timeline);
    return std::move(contents_);
  }

 private:
  void report(const KeyValue& entry, std::string_view problem) {
    contents_.problems.push_back(fmt::format("{}: {}", entry.key, problem));
  }

  template <class T>
  void keep(const KeyValue& entry, Result<T> parsed, T& into) {
    if (parsed)
      into = std::move(*parsed);
    else
      report(entry, parsed.error().message);
  }

  void read_leader(const KeyValue& entry) {
    contents_.view.leader =
        ha::LeaderKey{entry.value, entry.create_revision, entry.mod_revision, entry.lease};
    if (entry.value.empty()) report(entry, "names no member; a leader key holds its member's name");
  }

  void read_config(const KeyValue& entry) {
    contents_.view.has_config = true;
    contents_.view.config_revision = entry.mod_revision;
    auto config = parse_json_object(entry.value);
    contents_.view.config_readable = config.has_value();
    if (config)
      contents_.config = std::move(*config);
    else
      report(entry, config.error().message);
  }

  void read_sync(const KeyValue& entry) {
    auto sync = parse_sync(entry.value);
    if (!sync) report(entry, sync.error().message);
    contents_.view.sync = sync ? std::move(*sync) : ha::SyncState{.readable = false};
    contents_.view.sync->mod_revision = entry.mod_revision;
  }

  void read_failover(const KeyValue& entry) {
    contents_.view.failover_revision = entry.mod_revision;
    auto request = parse_failover(entry.value);
    if (!request) return report(entry, request.error().message);
    if (!request->leader && !request->candidate) return;
    request->mod_revision = entry.mod_revision;
    contents_.view.failover = std::move(*request);
  }

  void read_failsafe(const KeyValue& entry) {
    contents_.view.failsafe_revision = entry.mod_revision;
    const auto object = parse_json_object(entry.value);
    if (!object) return report(entry, object.error().message);
    for (const auto& [name, url] : *object)
      if (url.is_string()) contents_.view.failsafe.emplace(name, std::string_view(url.get_string()));
  }

  void read_member(const KeyValue& entry, std::string_view name) {
    if (name.empty()) return report(entry, "a member without a name");
    auto value = parse_member_value(entry.value);
    if (!value) report(entry, value.error().message);
    auto& kept = contents_.members[std::string(name)] = value ? std::move(*value) : MemberValue{};
    contents_.view.members.push_back(to_member(std::string(name), entry.lease, kept));
  }

  const Keys& keys_;
  DcsContents contents_;
};

}  // namespace

DcsContents read_contents(const Keys& keys, ha::Revision revision, std::span<const KeyValue> entries) {
  Reader reader(keys, revision);
  for (const auto& entry : entries) reader.read(entry);
  return std::move(reader).finish();
}

Result<ha::SyncState> parse_sync(std::string_view text) {
  const auto object = parse_json_object(text);
  if (!object) return std::unexpected(object.error());
  ha::SyncState sync;
  sync.leader = text_field(*object, "leader");
  if (sync.leader.empty()) return sync;  // synchronous mode was turned off
  sync.standbys = split_names(text_field(*object, "sync_standby"));
  if (const auto* quorum = object->if_contains("quorum"); quorum && !quorum->is_null()) {
    const auto number = integer_of(*quorum);
    if (!number || *number < 0 || !std::in_range<int>(*number))
      return base::fail(ErrorKind::invalid, "\"quorum\" is {}, a count of members is expected",
                        json_kind(*quorum));
    sync.quorum = static_cast<int>(*number);
  }
  return sync;
}

Result<ha::ClusterStatus> parse_status(std::string_view text) {
  const auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  ha::ClusterStatus status;
  if (const auto position = integer_of(*value); position && *position >= 0) {  // as before Patroni 2.1
    status.optime = pg::Lsn{static_cast<std::uint64_t>(*position)};
    return status;
  }
  if (!value->is_object())
    return base::fail(ErrorKind::invalid, "a JSON object is expected, this is {}", json_kind(*value));
  const auto& object = value->get_object();
  const auto lsn_of = [](const json::value& number) {
    return pg::Lsn{static_cast<std::uint64_t>(std::max<std::int64_t>(integer_of(number).value_or(0), 0))};
  };
  if (const auto* optime = object.if_contains("optime")) status.optime = lsn_of(*optime);
  if (const auto* slots = object.if_contains("slots"); slots && slots->is_object())
    for (const auto& [name, position] : slots->get_object())
      status.slots[std::string(name)] = lsn_of(position);
  if (const auto* retained = object.if_contains("retain_slots"); retained && retained->is_array())
    for (const auto& name : retained->get_array())
      if (name.is_string()) status.retain_slots.emplace_back(std::string_view(name.get_string()));
  return status;
}

Result<ha::FailoverRequest> parse_failover(std::string_view text) {
  const auto object = parse_json_object(text);
  if (!object) return std::unexpected(object.error());
  ha::FailoverRequest request;
  if (auto leader = text_field(*object, "leader"); !leader.empty()) request.leader = std::move(leader);
  if (auto member = text_field(*object, "member"); !member.empty()) request.candidate = std::move(member);
  const auto* scheduled = object->if_contains("scheduled_at");
  if (!scheduled || scheduled->is_null()) return request;
  const auto when = scheduled->is_string() ? parse_timestamp(scheduled->get_string()) : std::nullopt;
  // A schedule that is not understood must not become "now".
  if (!when) return base::fail(ErrorKind::invalid, "\"scheduled_at\" is no time in ISO 8601");
  request.scheduled_at = when->time;
  return request;
}

Result<std::vector<HistoryEntry>> parse_history(std::string_view text) {
  const auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  if (!value->is_array())
    return base::fail(ErrorKind::invalid, "a JSON list is expected, this is {}", json_kind(*value));
  std::vector<HistoryEntry> history;
  for (const auto& line : value->get_array()) {
    const auto* fields = line.if_array();
    const auto timeline = fields && fields->size() >= 3 ? integer_of((*fields)[0]) : std::nullopt;
    const auto at = timeline ? integer_of((*fields)[1]) : std::nullopt;
    if (!at || *at < 0 || !std::in_range<pg::Timeline>(*timeline))
      return base::fail(ErrorKind::invalid, "entry {} is not [timeline, position, reason, ...]",
                        history.size());
    const auto field = [&](std::size_t i) {
      return i < fields->size() ? scalar_text((*fields)[i]).value_or("") : std::string();
    };
    history.push_back({static_cast<pg::Timeline>(*timeline), pg::Lsn{static_cast<std::uint64_t>(*at)},
                       field(2), field(3), field(4)});
  }
  return history;
}

std::string write_sync(const ha::SyncState& sync) {
  json::object out;
  out["leader"] = sync.leader.empty() ? json::value(nullptr) : json::value(sync.leader);
  out["quorum"] = sync.quorum;
  out["sync_standby"] = sync.standbys.empty() ? json::value(nullptr) : json::value(join_names(sync.standbys));
  return to_json_text(out, JsonLayout::compact);
}

std::string write_status(const ha::ClusterStatus& status) {
  json::object out{{"optime", status.optime.value}};
  json::object slots;
  for (const auto& [name, position] : status.slots) slots[name] = position.value;
  if (!slots.empty()) out["slots"] = std::move(slots);
  if (!status.retain_slots.empty())
    out["retain_slots"] = json::array(status.retain_slots.begin(), status.retain_slots.end());
  return to_json_text(out, JsonLayout::compact);
}

std::string write_failover(const ha::FailoverRequest& request) {
  json::object out;
  if (request.leader) out["leader"] = *request.leader;
  if (request.candidate) out["member"] = *request.candidate;
  if (request.scheduled_at) out["scheduled_at"] = base::to_iso8601(*request.scheduled_at);
  return to_json_text(out, JsonLayout::compact);
}

std::string write_history(std::span<const HistoryEntry> history) {
  json::array out;
  for (const auto& entry : history) {
    json::array line{entry.timeline, entry.at.value, entry.reason};
    if (!entry.timestamp.empty() || !entry.new_leader.empty()) line.emplace_back(entry.timestamp);
    if (!entry.new_leader.empty()) line.emplace_back(entry.new_leader);
    out.push_back(std::move(line));
  }
  return to_json_text(out, JsonLayout::compact);
}

std::string write_failsafe(const std::map<ha::MemberName, std::string>& members) {
  json::object out;
  for (const auto& [name, url] : members) out[name] = url;
  return to_json_text(out, JsonLayout::compact);
}

std::string write_config(const json::object& config) { return to_json_text(config, JsonLayout::compact); }

}  // namespace holdfast::patroni
