#include "ctl/program.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "ctl/arguments.hpp"
#include "ctl/completion.hpp"

namespace holdfast::ctl {
namespace {

std::string variable(const World& world, const std::string& name) {
  const auto found = world.environment.find(name);
  return found == world.environment.end() ? std::string() : found->second;
}

// The file that was named, or else the first that is there.
struct File {
  std::string name, text;
};

std::string not_readable(Face face, const std::string& path, const std::string& why) {
  if (face == Face::patronictl)
    return fmt::format(
        "Provided config file {} not existing or no read rights. Check the -c/--config-file parameter", path);
  return fmt::format("reading the configuration file {}: {}", path, why);
}

// Where a person's files are: the default of patronictl, and of the XDG Base Directory Specification.
std::string home_config(const World& world) {
  const auto xdg = variable(world, "XDG_CONFIG_HOME");
  return xdg.empty() ? variable(world, "HOME") + "/.config" : xdg;
}

base::Result<File> find_config(const World& world, std::string named) {
  const bool is_patronictl = world.face == Face::patronictl;
  if (named.empty() && !is_patronictl) named = variable(world, "HOLDFAST_CONFIG");
  if (named.empty()) named = variable(world, "PATRONICTL_CONFIG_FILE");
  const auto patronictl_file = home_config(world) + "/patroni/patronictl.yaml";
  if (!named.empty() && named != patronictl_file) {
    auto text = world.outside.read_file(named);
    if (!text)
      return base::fail(base::ErrorKind::invalid, "{}",
                        not_readable(world.face, named, text.error().message));
    return File{named, std::move(*text)};
  }
  std::vector<std::string> places = {patronictl_file};
  if (!is_patronictl)
    places = {home_config(world) + "/holdfast/ctl.yml", patronictl_file, "/etc/holdfast/ctl.yml"};
  for (const auto& path : places)
    if (auto text = world.outside.read_file(path)) return File{path, std::move(*text)};
  return File{"PATRONI_CONFIGURATION", variable(world, "PATRONI_CONFIGURATION")};
}

base::Result<CtlSettings> settings_for(const World& world, const Invocation& invocation) {
  const auto file = find_config(world, invocation.config_file);
  if (!file) return std::unexpected(file.error());
  auto dcs_url = invocation.dcs_url;
  if (const auto from_environment = variable(world, "DCS_URL"); !dcs_url && !from_environment.empty())
    dcs_url = from_environment;
  auto settings = read_ctl_settings(file->text, file->name, world.environment, dcs_url);
  if (!settings && world.face == Face::patronictl && settings.error().message == kNoEtcd)
    return base::fail(base::ErrorKind::invalid,
                      "Can not find suitable configuration of distributed configuration store\n"
                      "Available implementations: etcd3");
  if (settings && invocation.insecure) settings->rest.insecure = true;
  return settings;
}

Exit config_error(World& world, const base::Error& error) {
  world.terminal.err(fmt::format("Error: {}\n", error.message));
  return world.face == Face::patronictl ? Exit::failed : Exit::usage;
}

Exit run_command(World& world, const Invocation& invocation) {
  const bool needs_nothing = invocation.command->run == version && invocation.arguments.clusters.empty();
  auto settings = needs_nothing ? CtlSettings{} : settings_for(world, invocation);
  if (!settings) return config_error(world, settings.error());
  if (needs_nothing) settings->etcd.hosts = {{"localhost", 2379}};  // is not asked
  const auto dcs = world.make_dcs(settings->etcd);
  if (!dcs) return config_error(world, dcs.error());
  const auto http = world.make_http(settings->rest);
  if (!http) return config_error(world, http.error());
  Session session{world.face,     invocation.arguments, *settings, world.outside,
                  world.terminal, world.runtime,        **dcs,     **http};
  return world.runtime.run_task(invocation.command->run(session));
}

int status_of(Face face, Exit exit) {
  if (exit == Exit::member_refused) return face == Face::patronictl ? 0 : 1;
  if (exit == Exit::dcs_unreachable && face == Face::patronictl) return 1;
  return static_cast<int>(exit);
}

}  // namespace

bool is_command(std::string_view word) {
  return word == "completion" ||
         std::ranges::any_of(commands(), [&](const auto& command) { return command.name == word; });
}

int run(const std::vector<std::string>& arguments, World& world) {
  if (!arguments.empty() && arguments.front() == "completion" && world.face == Face::holdfast) {
    const auto script = arguments.size() == 2 ? completion_script(arguments[1]) : std::string();
    if (script.empty())
      world.terminal.err("Error: holdfast completion takes one word: bash, zsh or fish\n");
    else
      world.terminal.out(script);
    return script.empty() ? 2 : 0;
  }
  const auto invocation = parse_arguments(arguments, world.face);
  if (invocation) return status_of(world.face, run_command(world, *invocation));
  const auto& message = invocation.error();
  if (message.exit == Exit::ok)
    world.terminal.out(message.text);
  else
    world.terminal.err(message.text);
  return static_cast<int>(message.exit);
}

}  // namespace holdfast::ctl
