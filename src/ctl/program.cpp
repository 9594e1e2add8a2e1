#include "ctl/program.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "ctl/arguments.hpp"

namespace holdfast::ctl {
namespace {

const std::vector<Command> kCommands = {
    {"list",
     "Show a cluster and its members",
     "  holdfast list main\n"
     "  holdfast list main -f json\n"
     "  holdfast list main -W\n",
     Takes::clusters,
     {"extended", "timestamp", "format", "watch"},
     list},
    {"topology",
     "Show who replicates from whom",
     "  holdfast topology main\n",
     Takes::clusters,
     {"timestamp", "watch"},
     topology},
    {"switchover",
     "Hand the leadership over while the leader is well",
     "  holdfast switchover main                             asks for what is not given\n"
     "  holdfast switchover main --candidate node2 --force\n"
     "  holdfast switchover main --scheduled 2026-12-31T04:00+01:00 --force\n",
     Takes::one_cluster,
     {"leader", "candidate", "scheduled", "force"},
     switchover},
    {"failover",
     "Give the leadership to a member, whatever became of the leader",
     "  holdfast failover main --candidate node2\n",
     Takes::one_cluster,
     {"candidate", "force"},
     failover},
    {"history",
     "Show when the leadership changed",
     "  holdfast history main\n"
     "  holdfast history main -f yaml\n",
     Takes::one_cluster,
     {"format"},
     history},
    {"show-config",
     "Show the cluster's dynamic configuration as YAML",
     "  holdfast show-config main\n",
     Takes::one_cluster,
     {},
     show_config},
    {"version",
     "Show our version, and those of a cluster's members",
     "  holdfast version\n"
     "  holdfast version main node1\n",
     Takes::cluster_and_members,
     {},
     version},
};

std::string variable(const World& world, const std::string& name) {
  const auto found = world.environment.find(name);
  return found == world.environment.end() ? std::string() : found->second;
}

// The file that was named, or else the first that is there.
struct File {
  std::string name, text;
};

base::Result<File> find_config(const World& world, std::string named) {
  for (const auto* name : {"HOLDFAST_CONFIG", "PATRONICTL_CONFIG_FILE"})
    if (named.empty()) named = variable(world, name);
  if (!named.empty()) {
    auto text = world.read_file(named);
    if (!text) return base::in("reading the configuration file " + named, text.error());
    return File{named, std::move(*text)};
  }
  const auto home = variable(world, "HOME");
  for (const auto& path : {home + "/.config/holdfast/ctl.yml", home + "/.config/patroni/patronictl.yaml",
                           std::string("/etc/holdfast/ctl.yml")})
    if (auto text = world.read_file(path)) return File{path, std::move(*text)};
  return File{};
}

base::Result<CtlSettings> settings_for(const World& world, const Invocation& invocation) {
  const auto file = find_config(world, invocation.config_file);
  if (!file) return std::unexpected(file.error());
  auto dcs_url = invocation.dcs_url;
  if (const auto from_environment = variable(world, "DCS_URL"); !dcs_url && !from_environment.empty())
    dcs_url = from_environment;
  auto settings = read_ctl_settings(file->text, file->name, world.environment, dcs_url);
  if (settings && invocation.insecure) settings->rest.insecure = true;
  return settings;
}

Exit usage_error(World& world, const base::Error& error) {
  world.terminal.err(fmt::format("Error: {}\n", error.message));
  return Exit::usage;
}

Exit run_command(World& world, const Invocation& invocation) {
  const bool needs_nothing = invocation.command->run == version && invocation.arguments.clusters.empty();
  auto settings = needs_nothing ? CtlSettings{} : settings_for(world, invocation);
  if (!settings) return usage_error(world, settings.error());
  if (needs_nothing) settings->etcd.hosts = {{"localhost", 2379}};  // is not asked
  const auto dcs = world.make_dcs(settings->etcd);
  if (!dcs) return usage_error(world, dcs.error());
  const auto http = world.make_http(settings->rest);
  if (!http) return usage_error(world, http.error());
  Session session{invocation.arguments, *settings, world.terminal, world.runtime, **dcs, **http};
  return world.runtime.run_task(invocation.command->run(session));
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

bool is_command(std::string_view word) {
  return std::ranges::any_of(kCommands, [&](const auto& command) { return command.name == word; });
}

int run(const std::vector<std::string>& arguments, World& world) {
  const auto invocation = parse_arguments(arguments);
  if (invocation) return static_cast<int>(run_command(world, *invocation));
  const auto& message = invocation.error();
  if (message.exit == Exit::ok)
    world.terminal.out(message.text);
  else
    world.terminal.err(message.text);
  return static_cast<int>(message.exit);
}

}  // namespace holdfast::ctl
