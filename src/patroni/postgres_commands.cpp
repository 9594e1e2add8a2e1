#include "patroni/postgres_commands.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <initializer_list>

#include "patroni/dynamic_config.hpp"
#include "patroni/json_text.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;

constexpr std::array kCallbacks = {"on_start", "on_stop", "on_restart", "on_role_change", "on_reload"};

// Python's truth, but that "false" is false.
bool holds(const json::object& section, std::string_view key) {
  const auto* value = section.if_contains(key);
  if (!value || value->is_null()) return false;
  if (const auto word = boolean_of(*value)) return *word;
  if (const auto number = integer_of(*value)) return *number != 0;
  return !value->is_string() || !value->get_string().empty();
}

std::string text_at(const json::object& section, std::string_view key, std::string_view path,
                    std::vector<std::string>& problems) {
  const auto* value = section.if_contains(key);
  if (!value || value->is_null()) return {};
  if (value->is_string()) return std::string(std::string_view(value->get_string()));
  problems.push_back(
      fmt::format("{}.{} is {}: a command line is expected; ignored", path, key, json_kind(*value)));
  return {};
}

std::string without_quotes(std::string text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front())
    return text.substr(1, text.size() - 2);
  return text;
}

std::vector<std::string> own_arguments(const json::object& section, std::string_view path,
                                       std::initializer_list<std::string_view> reserved,
                                       std::vector<std::string>& problems) {
  std::vector<std::string> arguments;
  for (const auto& [key, value] : section) {
    if (std::ranges::find(reserved, std::string_view(key)) != reserved.end()) continue;
    if (const auto text = value.is_null() ? std::optional<std::string>("None") : scalar_text(value))
      arguments.push_back(fmt::format("--{}={}", std::string_view(key), *text));
    else
      problems.push_back(fmt::format("{}.{} is {}: a plain value is expected, to be passed as --{}; ignored",
                                     path, std::string_view(key), json_kind(value), std::string_view(key)));
  }
  return arguments;
}

ReplicaMethod read_replica_method(const json::object& postgresql, const std::string& name,
                                  std::vector<std::string>& problems) {
  ReplicaMethod method{.name = name};
  const auto path = "postgresql." + name;
  const auto* section = postgresql.if_contains(name);
  if (method.is_basebackup()) {
    if (section && !section->is_null()) method.arguments = option_arguments(*section, path, problems);
    return method;
  }
  method.command = name;
  if (!section || section->is_null()) return method;
  if (!section->is_object()) {
    problems.push_back(fmt::format("{} is {}: a section with a command is expected; {} itself is run", path,
                                   json_kind(*section), name));
    return method;
  }
  const auto& object = section->get_object();
  if (auto command = text_at(object, "command", path, problems); !command.empty())
    method.command = std::move(command);
  method.no_params = holds(object, "no_params");
  method.no_leader = holds(object, "no_leader");
  method.keep_data = holds(object, "keep_data");
  // Scripts made for Patroni find these two among their arguments, unless they asked for none.
  method.arguments =
      method.no_params
          ? own_arguments(object, path, {"command", "no_params", "no_leader", "keep_data"}, problems)
          : own_arguments(object, path, {"command", "no_params", "scope", "role", "datadir", "connstring"},
                          problems);
  return method;
}

std::map<std::string, std::string> read_callbacks(const json::object& postgresql,
                                                  std::vector<std::string>& problems) {
  std::map<std::string, std::string> callbacks;
  const auto* value = postgresql.if_contains("callbacks");
  if (!value || value->is_null()) return callbacks;
  if (!value->is_object()) {
    problems.push_back(
        fmt::format("postgresql.callbacks is {}: a map of action and command line is expected; ignored",
                    json_kind(*value)));
    return callbacks;
  }
  for (const auto& [action, command] : value->get_object()) {
    if (std::ranges::find(kCallbacks, std::string_view(action)) == kCallbacks.end())
      problems.push_back(
          fmt::format("postgresql.callbacks.{} is no action; there are on_start, on_stop, on_restart, "
                      "on_role_change, on_reload",
                      std::string_view(action)));
    else if (auto line = text_at(value->get_object(), action, "postgresql.callbacks", problems);
             !line.empty())
      callbacks[std::string(action)] = std::move(line);
  }
  return callbacks;
}

}  // namespace

std::vector<std::string> read_method_names(const json::object& section, std::string_view path,
                                           std::vector<std::string>& problems) {
  std::vector<std::string> names;
  const auto* value = section.if_contains("create_replica_methods");
  if (!value || value->is_null()) value = section.if_contains("create_replica_method");
  const auto add = [&](std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    if (!text.empty()) names.emplace_back(text);
  };
  if (value && value->is_array()) {
    for (const auto& item : value->get_array())
      if (item.is_string())
        add(item.get_string());
      else
        problems.push_back(
            fmt::format("{}.create_replica_methods: {} among the names is ignored", path, json_kind(item)));
  } else if (value && value->is_string()) {
    for (std::string_view left = value->get_string(); !left.empty();) {
      const auto comma = std::min(left.find(','), left.size());
      add(left.substr(0, comma));
      left.remove_prefix(std::min(comma + 1, left.size()));
    }
  } else if (value && !value->is_null()) {
    problems.push_back(fmt::format("{}.create_replica_methods is {}: a list of names is expected; ignored",
                                   path, json_kind(*value)));
  }
  if (names.empty()) names.emplace_back(kBaseBackup);
  return names;
}

bool PostgresCommands::can_restore_without_leader() const {
  return std::ranges::any_of(replica_methods, &ReplicaMethod::no_leader);
}

std::vector<ReplicaMethod> read_replica_methods(const json::object& postgresql,
                                                const std::vector<std::string>& names,
                                                std::vector<std::string>& problems) {
  std::vector<ReplicaMethod> methods;
  for (const auto& name : names) methods.push_back(read_replica_method(postgresql, name, problems));
  return methods;
}

PostgresCommands read_postgres_commands(const json::object& postgresql, std::vector<std::string>& problems) {
  PostgresCommands commands;
  commands.callbacks = read_callbacks(postgresql, problems);
  commands.pre_promote = text_at(postgresql, "pre_promote", "postgresql", problems);
  commands.before_stop = text_at(postgresql, "before_stop", "postgresql", problems);
  commands.replica_methods =
      read_replica_methods(postgresql, read_method_names(postgresql, "postgresql", problems), problems);
  commands.remove_data_directory_on_rewind_failure =
      holds(postgresql, "remove_data_directory_on_rewind_failure");
  commands.remove_data_directory_on_diverged_timelines =
      holds(postgresql, "remove_data_directory_on_diverged_timelines");
  return commands;
}

BootstrapMethod read_bootstrap_method(std::string name, const json::object& section,
                                      std::vector<std::string>& problems) {
  BootstrapMethod method{.name = std::move(name)};
  const auto path = method.name;
  method.command = text_at(section, "command", path, problems);
  method.no_params = holds(section, "no_params");
  method.keep_existing_recovery_conf = holds(section, "keep_existing_recovery_conf");
  method.arguments = own_arguments(
      section, path,
      {"command", "no_params", "keep_existing_recovery_conf", "recovery_conf", "scope", "datadir"}, problems);
  const auto* recovery = section.if_contains("recovery_conf");
  if (!recovery || recovery->is_null()) return method;
  if (!recovery->is_object()) {
    problems.push_back(
        fmt::format("{}.recovery_conf is {}: a map of settings is expected", path, json_kind(*recovery)));
    return method;
  }
  method.recovery_conf.emplace();
  for (const auto& [key, value] : recovery->get_object())
    if (auto text = parameter_text(value))
      (*method.recovery_conf)[std::string(key)] = std::move(*text);
    else
      problems.push_back(fmt::format("{}.recovery_conf.{} is {}: a text, a number or a boolean is expected",
                                     path, std::string_view(key), json_kind(value)));
  return method;
}

std::vector<std::string> option_arguments(const json::value& options, std::string_view key,
                                          std::vector<std::string>& problems) {
  std::vector<std::string> arguments;
  const auto pair = [&](std::string_view name, const json::value& value) {
    if (auto text = scalar_text(value); text && !text->empty())
      arguments.push_back(fmt::format("--{}={}", name, without_quotes(std::move(*text))));
    else if (!value.is_null() && !text)
      problems.push_back(
          fmt::format("{}: the option {} is {}: a plain value is expected", key, name, json_kind(value)));
  };
  if (options.is_object())
    for (const auto& [name, value] : options.get_object()) pair(name, value);
  else if (options.is_array())
    for (const auto& item : options.get_array()) {
      if (item.is_string())
        arguments.push_back(fmt::format("--{}", std::string_view(item.get_string())));
      else if (item.is_object())
        for (const auto& [name, value] : item.get_object()) pair(name, value);
      else
        problems.push_back(fmt::format("{}: {} among the options is ignored", key, json_kind(item)));
    }
  else
    problems.push_back(
        fmt::format("{} is {}: a list or a map of options is expected", key, json_kind(options)));
  return arguments;
}

}  // namespace holdfast::patroni
