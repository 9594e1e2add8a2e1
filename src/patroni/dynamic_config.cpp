#include "patroni/dynamic_config.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <fmt/ranges.h>
#include <limits>

#include "patroni/json_text.hpp"
#include "patroni/slot_settings.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

// A setting that all nodes must share, or that is not the user's to set.
struct SharedParameter {
  enum class Kind { integer, boolean, always_on, wal_level, wal_keep_size, from_file };
  std::string_view name;
  Kind kind = Kind::integer;
  std::string_view preset;   // without anything said; empty: PostgreSQL's own
  std::int64_t minimum = 0;  // for integers
};

constexpr std::array kSharedParameters = {
    SharedParameter{"cluster_name", SharedParameter::Kind::from_file},
    SharedParameter{"hot_standby", SharedParameter::Kind::always_on, "on"},
    SharedParameter{"listen_addresses", SharedParameter::Kind::from_file},
    SharedParameter{"max_connections", SharedParameter::Kind::integer, "100", 25},
    SharedParameter{"max_locks_per_transaction", SharedParameter::Kind::integer, "64", 32},
    SharedParameter{"max_prepared_transactions", SharedParameter::Kind::integer, "0", 0},
    SharedParameter{"max_replication_slots", SharedParameter::Kind::integer, "10", 4},
    SharedParameter{"max_wal_senders", SharedParameter::Kind::integer, "10", 3},
    SharedParameter{"max_worker_processes", SharedParameter::Kind::integer, "8", 2},
    SharedParameter{"port", SharedParameter::Kind::from_file},
    SharedParameter{"track_commit_timestamp", SharedParameter::Kind::boolean, "off"},
    SharedParameter{"wal_keep_size", SharedParameter::Kind::wal_keep_size, "128MB"},
    SharedParameter{"wal_level", SharedParameter::Kind::wal_level, "replica"},
    SharedParameter{"wal_log_hints", SharedParameter::Kind::boolean, "on"},
};

const SharedParameter* shared_parameter(std::string_view name) {
  const auto found = std::ranges::find(kSharedParameters, name, &SharedParameter::name);
  return found == kSharedParameters.end() ? nullptr : &*found;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return result;
}

// Reads settings one by one; what is wrong is noted and leaves the default.
class SettingsReader {
 public:
  SettingsReader(const json::object& config, std::vector<std::string>& problems)
      : config_(config), problems_(problems) {}

  void flag(std::string_view key, bool& into) {
    const auto* value = present(key);
    if (!value) return;
    if (const auto known = boolean_of(*value))
      into = *known;
    else
      problem(key, "true or false", *value, into ? "true" : "false");
  }

  void integer(std::string_view key, std::int64_t minimum, std::int64_t& into) {
    const auto* value = present(key);
    if (!value) return;
    const auto number = integer_of(*value);
    if (!number) return problem(key, "a number", *value, fmt::format("{}", into));
    if (*number < minimum)
      problems_.push_back(
          fmt::format("{} is {}, the smallest value is {}, which is taken", key, *number, minimum));
    into = std::max(*number, minimum);
  }

  void duration(std::string_view key, std::int64_t minimum, base::Duration& into) {
    auto count = std::chrono::duration_cast<seconds>(into).count();
    integer(key, minimum, count);
    // Ten years are as good as for ever, and far from where nanoseconds overflow.
    into = seconds(std::min<std::int64_t>(count, 10LL * 365 * 86400));
  }

  void count(std::string_view key, int minimum, int& into) {
    std::int64_t number = into;
    integer(key, minimum, number);
    into = static_cast<int>(std::min<std::int64_t>(number, std::numeric_limits<int>::max()));
  }

  const json::value* present(std::string_view key) const {
    const auto* value = config_.if_contains(key);
    return value && !value->is_null() ? value : nullptr;
  }

  void problem(std::string_view key, std::string_view expected, const json::value& found,
               std::string_view taken) {
    problems_.push_back(fmt::format("{} is {}: {} is expected; {} is taken", key,
                                    to_json_text(found, JsonLayout::spaced), expected, taken));
  }

 private:
  const json::object& config_;
  std::vector<std::string>& problems_;
};

// The lease must outlive one loop and two attempts, or a healthy leader could lose it between two renewals.
void keep_timing_rule(ha::Settings& settings, std::vector<std::string>& problems) {
  const auto total = settings.loop_wait + 2 * settings.retry_timeout;
  if (total <= settings.ttl) return;
  const auto before = settings;
  constexpr base::Duration kSmallest = seconds(1);
  settings.loop_wait = std::max(kSmallest, settings.ttl - 2 * settings.retry_timeout);
  if (settings.loop_wait + 2 * settings.retry_timeout > settings.ttl) {
    const auto whole_seconds = std::chrono::duration_cast<seconds>((settings.ttl - kSmallest) / 2);
    settings.retry_timeout = std::max(kSmallest, base::Duration(whole_seconds));
  }
  problems.push_back(fmt::format(
      "loop_wait {} + 2 * retry_timeout {} is more than ttl {}: taking loop_wait {}, retry_timeout {}",
      base::to_string(before.loop_wait), base::to_string(before.retry_timeout), base::to_string(before.ttl),
      base::to_string(settings.loop_wait), base::to_string(settings.retry_timeout)));
}

void read_synchronous_mode(SettingsReader& read, ha::Settings& settings) {
  const auto* value = read.present("synchronous_mode");
  if (!value) return;
  const auto text = scalar_text(*value);
  if (const auto on = boolean_of(*value)) {
    settings.synchronous_mode = *on ? ha::SynchronousMode::on : ha::SynchronousMode::off;
  } else if (text && lower(*text) == "quorum") {
    settings.synchronous_mode = ha::SynchronousMode::quorum;
  } else {
    // Whoever writes something here wants some protection; off would silently drop it.
    settings.synchronous_mode = ha::SynchronousMode::on;
    read.problem("synchronous_mode", "on, off or quorum", *value, "on");
  }
}

void read_standby_cluster(const json::object& dynamic, ha::Settings& settings,
                          std::vector<std::string>& problems) {
  const auto* value = dynamic.if_contains("standby_cluster");
  if (!value || value->is_null()) return;
  if (!value->is_object()) {
    problems.push_back(
        fmt::format("standby_cluster is {}: an object is expected; ignored", json_kind(*value)));
    return;
  }
  const auto& object = value->get_object();
  const auto text = [&](const char* key) {
    const auto* found = object.if_contains(key);
    return found ? scalar_text(*found).value_or(std::string()) : std::string();
  };
  if (text("host").empty() && text("port").empty() && text("restore_command").empty()) return;
  ha::StandbyCluster remote{.host = text("host"), .primary_slot_name = text("primary_slot_name")};
  if (const auto port = text("port"); !port.empty()) {
    const auto number = integer_of(json::value(port)).value_or(0);
    if (number < 1 || number > 65535)
      problems.push_back(
          fmt::format("standby_cluster.port is '{}': a port is expected; 5432 is taken", port));
    else
      remote.port = static_cast<int>(number);
  }
  remote.create_replica_methods = read_method_names(object, "standby_cluster", problems);
  settings.standby_cluster = std::move(remote);
  settings.synchronous_mode = ha::SynchronousMode::off;  // a standby's commits are another cluster's
}

ha::Settings read_settings(const json::object& dynamic, std::vector<std::string>& problems) {
  ha::Settings settings;
  SettingsReader read(dynamic, problems);
  read.duration("ttl", 3, settings.ttl);
  read.duration("loop_wait", 1, settings.loop_wait);
  read.duration("retry_timeout", 1, settings.retry_timeout);
  keep_timing_rule(settings, problems);
  read.flag("pause", settings.pause);
  read_synchronous_mode(read, settings);
  read.flag("synchronous_mode_strict", settings.synchronous_mode_strict);
  read.count("synchronous_node_count", 1, settings.synchronous_node_count);
  read.flag("failsafe_mode", settings.failsafe_mode);
  // The names with "master" are those from before Patroni 4; the new ones win.
  for (const auto* key : {"master_start_timeout", "primary_start_timeout"})
    read.duration(key, 0, settings.primary_start_timeout);
  for (const auto* key : {"master_stop_timeout", "primary_stop_timeout"})
    read.duration(key, 0, settings.primary_stop_timeout);
  read.duration("primary_race_backoff", 0, settings.primary_race_backoff);
  read.duration("member_slots_ttl", 0, settings.member_slots_ttl);
  read_slot_settings(dynamic, settings, problems);
  read.count("max_timelines_history", 0, settings.max_timelines_history);
  auto lag = static_cast<std::int64_t>(settings.maximum_lag_on_failover);
  read.integer("maximum_lag_on_failover", 0, lag);
  settings.maximum_lag_on_failover = static_cast<std::uint64_t>(lag);
  std::int64_t sync_lag = -1;  // -1 and 0 are Patroni's ways to say "any"
  read.integer("maximum_lag_on_syncnode", std::numeric_limits<std::int64_t>::min(), sync_lag);
  if (sync_lag > 0) settings.maximum_lag_on_syncnode = static_cast<std::uint64_t>(sync_lag);
  read_standby_cluster(dynamic, settings, problems);
  return settings;
}

// Why a value for a shared parameter cannot be taken; empty: it can.
std::string refusal(const SharedParameter& parameter, const std::string& text) {
  using Kind = SharedParameter::Kind;
  const json::value value(text);
  switch (parameter.kind) {
    case Kind::from_file:
      return "it follows from the node's file";
    case Kind::always_on:
      return boolean_of(value) == true ? "" : "it is always on";
    case Kind::boolean:
      return boolean_of(value) ? "" : "on or off is expected";
    case Kind::wal_level:
      return text == "replica" || text == "logical" || text == "hot_standby"
                 ? ""
                 : "replica or logical is expected";
    case Kind::wal_keep_size:
      return "";
    case Kind::integer: {
      const auto number = integer_of(value);
      if (!number) return "a number is expected";
      return *number < parameter.minimum ? fmt::format("at least {} is expected", parameter.minimum) : "";
    }
  }
  return "";
}

class ParameterMerge {
 public:
  explicit ParameterMerge(std::vector<std::string>& problems) : problems_(problems) {
    for (const auto& parameter : kSharedParameters)
      if (!parameter.preset.empty()) result_[std::string(parameter.name)] = parameter.preset;
  }

  void dynamic(std::string_view given_name, const json::value& value) {
    if (value.is_null()) return;
    const auto name = lower(given_name);
    auto text = parameter_text(value);
    if (!text) return note(name, json_kind(value), "a number, a string or a boolean is expected");
    if (name == "wal_keep_segments") return keep_segments(*text);
    if (name == "wal_level" && *text == "hot_standby") text = "replica";  // PostgreSQL's old name for it
    if (const auto* parameter = shared_parameter(name))
      if (const auto why = refusal(*parameter, *text); !why.empty()) return note(name, *text, why);
    result_[name] = *text;
  }

  // `recovery_conf`, from the days of a file of that name: settings like others now, and weaker than those.
  void recovery(std::string_view given_name, const json::value& value) {
    auto name = lower(given_name);
    if (name == "trigger_file") name = "promote_trigger_file";
    if (name == "standby_mode" || name.starts_with("recovery_target") || name == "pause_at_recovery_target" ||
        name == "primary_conninfo" || name == "primary_slot_name")
      return;
    if (const auto text = parameter_text(value)) result_.try_emplace(name, *text);
  }

  void local(const std::string& name, const std::string& value) {
    if (shared_parameter(name) || name == "wal_keep_segments")
      problems_.push_back(
          fmt::format("postgresql.parameters.{} in the node's file is ignored: it must be the same on "
                      "all nodes and belongs into the dynamic configuration",
                      name));
    else
      result_[name] = value;
  }

  void set(std::string name, std::string value) { result_[std::move(name)] = std::move(value); }
  std::map<std::string, std::string> finish() && { return std::move(result_); }

 private:
  // The name before PostgreSQL 13; a segment is 16 MB unless initdb was told otherwise.
  void keep_segments(const std::string& text) {
    const auto segments = integer_of(json::value(text));
    if (!segments || *segments < 1 || *segments > 1'000'000)
      return note("wal_keep_segments", text, "a number of segments is expected");
    result_["wal_keep_size"] = fmt::format("{}MB", *segments * 16);
  }
  void note(std::string_view name, std::string_view value, std::string_view why) {
    problems_.push_back(fmt::format("postgresql.parameters.{} ({}) is ignored: {}", name, value, why));
  }

  std::vector<std::string>& problems_;
  std::map<std::string, std::string> result_;
};

std::vector<std::string> read_lines(const json::object& postgresql, std::string_view key,
                                    std::vector<std::string>& problems) {
  std::vector<std::string> lines;
  const auto* value = postgresql.if_contains(key);
  if (!value || value->is_null()) return lines;
  if (!value->is_array()) {
    problems.push_back(
        fmt::format("postgresql.{} is {}: a list of lines is expected; ignored", key, json_kind(*value)));
    return lines;
  }
  for (const auto& line : value->get_array())
    if (line.is_string())
      lines.emplace_back(std::string_view(line.get_string()));
    else
      problems.push_back(fmt::format("postgresql.{}: {} among its lines is ignored", key, json_kind(line)));
  return lines;
}

json::object postgresql_section(const json::object& dynamic, std::vector<std::string>& problems) {
  const auto* section = dynamic.if_contains("postgresql");
  if (!section || section->is_null()) return {};
  if (section->is_object()) return section->get_object();
  problems.push_back(fmt::format("postgresql is {}: an object is expected; ignored", json_kind(*section)));
  return {};
}

// Where a node is and how to log in to it is for its own file to say.
json::object merged_section(const json::object& dynamic, const json::object& local) {
  constexpr std::array kLocalOnly{"connect_address", "proxy_address", "listen",        "config_dir",
                                  "data_dir",        "pgpass",        "authentication"};
  constexpr std::array kElsewhere{"parameters", "pg_hba", "pg_ident"};
  const auto among = [](const auto& names, json::string_view key) {
    return std::ranges::any_of(names, [key](const char* name) { return key == name; });
  };
  json::object merged;
  for (const auto& [key, value] : dynamic)
    if (!among(kLocalOnly, key) && !among(kElsewhere, key)) merged[key] = value;
  for (const auto& [key, value] : local)
    if (key != "use_slots" && !among(kElsewhere, key)) merged[key] = value;
  return merged;
}

void merge_parameters(const json::object& section, ParameterMerge& merge,
                      std::vector<std::string>& problems) {
  const auto* parameters = section.if_contains("parameters");
  if (!parameters || parameters->is_null()) return;
  if (!parameters->is_object()) {
    problems.push_back(
        fmt::format("postgresql.parameters is {}: an object is expected; ignored", json_kind(*parameters)));
    return;
  }
  for (const auto& [name, value] : parameters->get_object()) merge.dynamic(name, value);
}

// A standby cluster's own way to get and clean up WAL goes before what is meant for a cluster of its own.
void merge_standby_cluster(const json::object& dynamic, ParameterMerge& merge) {
  const auto* value = dynamic.if_contains("standby_cluster");
  if (!value || !value->is_object()) return;
  for (const auto* name : {"restore_command", "archive_cleanup_command", "recovery_min_apply_delay"})
    if (const auto* setting = value->get_object().if_contains(name))
      if (auto text = scalar_text(*setting)) merge.set(name, std::move(*text));
}

ha::SynchronousCommit confirmed_when(const std::map<std::string, std::string>& parameters) {
  const auto found = parameters.find("synchronous_commit");
  if (found == parameters.end()) return ha::SynchronousCommit::flush;
  if (found->second == "remote_write") return ha::SynchronousCommit::remote_write;
  return found->second == "remote_apply" ? ha::SynchronousCommit::remote_apply : ha::SynchronousCommit::flush;
}

}  // namespace

std::optional<std::string> parameter_text(const json::value& value) {
  if (value.is_bool()) return value.get_bool() ? "on" : "off";
  return scalar_text(value);
}

EffectiveConfig effective_config(const json::object& dynamic, const PostgresConfig& local,
                                 std::string_view scope) {
  EffectiveConfig result;
  auto& problems = result.problems;
  result.settings = read_settings(dynamic, problems);

  const auto section = postgresql_section(dynamic, problems);
  SettingsReader read(section, problems);
  read.flag("use_slots", result.settings.use_slots);
  read.flag("use_pg_rewind", result.settings.use_pg_rewind);
  if (local.use_pg_rewind) result.settings.use_pg_rewind = *local.use_pg_rewind;

  ParameterMerge merge(problems);
  merge_parameters(section, merge, problems);
  for (const auto& [name, value] : local.local.parameters) merge.local(name, value);
  result.section = merged_section(section, local.section);
  SettingsReader(result.section, problems).duration("pg_ctl_timeout", 1, result.settings.pg_ctl_timeout);
  if (const auto* recovery = result.section.if_contains("recovery_conf"); recovery && recovery->is_object())
    for (const auto& [name, value] : recovery->get_object()) merge.recovery(name, value);
  if (result.settings.standby_cluster) merge_standby_cluster(dynamic, merge);
  merge.set("cluster_name", std::string(scope));
  merge.set("listen_addresses", fmt::format("{}", fmt::join(local.listen_addresses, ",")));
  merge.set("port", fmt::format("{}", local.port));

  result.postgresql.use_slots = result.settings.use_slots;
  result.postgresql.parameters = std::move(merge).finish();
  result.settings.synchronous_commit = confirmed_when(result.postgresql.parameters);
  result.postgresql.commands = read_postgres_commands(result.section, problems);
  if (const auto& remote = result.settings.standby_cluster)
    result.postgresql.commands.replica_methods =
        read_replica_methods(result.section, remote->create_replica_methods, problems);
  const auto& read_commands = result.postgresql.commands;
  result.settings.remove_data_directory_on_rewind_failure =
      read_commands.remove_data_directory_on_rewind_failure;
  result.settings.remove_data_directory_on_diverged_timelines =
      read_commands.remove_data_directory_on_diverged_timelines;
  result.settings.can_restore_without_leader = read_commands.can_restore_without_leader();
  result.postgresql.pg_hba =
      local.local.pg_hba.empty() ? read_lines(section, "pg_hba", problems) : local.local.pg_hba;
  result.postgresql.pg_ident =
      local.local.pg_ident.empty() ? read_lines(section, "pg_ident", problems) : local.local.pg_ident;
  if (const auto* custom = result.section.if_contains("custom_conf"))
    result.postgresql.custom_conf = scalar_text(*custom).value_or("");
  return result;
}

json::object default_shared_parameters() {
  json::object parameters;
  for (const auto& parameter : kSharedParameters) {
    if (parameter.preset.empty()) continue;
    const json::value text(parameter.preset);
    const bool number = parameter.kind == SharedParameter::Kind::integer;
    parameters[parameter.name] = number ? json::value(*integer_of(text)) : text;
  }
  return parameters;
}

bool patch_config(json::object& config, const json::object& patch) {
  bool changed = false;
  for (const auto& [key, value] : patch) {
    auto* existing = config.if_contains(key);
    if (value.is_null()) {
      if (existing) changed = true;
      if (existing) config.stable_erase(config.find(key));  // keeps the order of the others
    } else if (existing && existing->is_object() && value.is_object()) {
      changed |= patch_config(existing->get_object(), value.get_object());
    } else if (!existing || *existing != value) {
      config[key] = value;
      changed = true;
    }
  }
  return changed;
}

}  // namespace holdfast::patroni
