#include "ctl/arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace holdfast::ctl {
namespace {

const std::map<std::string, Format> kFormats = {{"pretty", Format::pretty},
                                                {"tsv", Format::tsv},
                                                {"json", Format::json},
                                                {"yaml", Format::yaml},
                                                {"yml", Format::yaml}};

// patronictl's -W: every two seconds.
constexpr double kWatchSeconds = 2;

// Each option by its long name, as commands list them.
void add_option(CLI::App& app, std::string_view name, Arguments& into) {
  if (name == "format")
    app.add_option_function<std::string>(
           "-f,--format", [&into](const std::string& word) { into.format = kFormats.at(word); },
           "pretty (a table), tsv, json or yaml")
        ->check(
            CLI::IsMember(std::vector<std::string>{"pretty", "tsv", "json", "yaml", "yml"}).description(""))
        ->option_text("FORMAT");
  else if (name == "extended")
    app.add_flag("-e,--extended", into.extended, "Show the columns that nobody has anything for, too");
  else if (name == "timestamp")
    app.add_flag("-t,--timestamp", into.timestamp, "Print the time first");
  else if (name == "watch") {
    app.add_option("-w,--watch", into.watch, "Look again every SECONDS")
        ->check(CLI::Range(0.1, 86400.0).description(""))
        ->option_text("SECONDS");
    app.add_flag_callback(
        "-W", [&into] { into.watch = into.watch.value_or(kWatchSeconds); }, "Look again every 2 seconds");
  } else if (name == "leader")
    app.add_option("--leader,--primary,--master", into.leader, "Who leads now (checked)")
        ->option_text("MEMBER");
  else if (name == "candidate")
    app.add_option("--candidate", into.candidate, "Who shall lead")->option_text("MEMBER");
  else if (name == "scheduled")
    app.add_option("--scheduled", into.scheduled, "When, in ISO 8601 (2026-12-31T04:00+01:00), or now")
        ->option_text("TIME");
  else if (name == "force")
    app.add_flag("--force", into.force, "Ask nothing");
}

void add_clusters(CLI::App& app, Takes takes, Arguments& into) {
  const char* many = "Clusters; without one, the scope of the configuration";
  const char* one = "The cluster; without one, the scope of the configuration";
  switch (takes) {
    case Takes::clusters:
      app.add_option("cluster", into.clusters, many)->option_text("[CLUSTER ...]");
      break;
    case Takes::one_cluster:
      app.add_option("cluster", into.clusters, one)->expected(0, 1)->option_text("[CLUSTER]");
      break;
    case Takes::cluster_and_members:
      app.add_option("cluster", into.clusters, "The cluster, and members of it")
          ->option_text("[CLUSTER [MEMBER ...]]");
      break;
  }
}

struct Parser {
  CLI::App app{"Look at clusters, and hand over their leadership.", "holdfast"};
  Invocation result;

  Parser() {
    app.require_subcommand(1);
    app.set_help_all_flag("");
    app.fallthrough();
    app.add_option("-c,--config-file", result.config_file,
                   "YAML of an agent, a router or the CLI [HOLDFAST_CONFIG, PATRONICTL_CONFIG_FILE]")
        ->option_text("FILE");
    app.add_option("-d,--dcs-url,--dcs", result.dcs_url, "etcd, e.g. etcd3://host:2379/namespace [DCS_URL]")
        ->option_text("URL");
    app.add_flag("-k,--insecure", result.insecure, "Do not verify the certificates of members' REST API");
    app.footer(
        "Exit status: 0 done, 1 refused or failed, 2 wrong usage or configuration, 3 etcd does not "
        "answer.\n\n"
        "Examples:\n"
        "  holdfast -c /etc/holdfast/node.yml list\n"
        "  holdfast -d 10.0.0.1:2379 topology main\n"
        "  holdfast switchover main --candidate node2 --force\n\n"
        "holdfast COMMAND --help says more of each.");
    for (const auto& command : commands()) {
      auto* sub = app.add_subcommand(std::string(command.name), std::string(command.help));
      add_clusters(*sub, command.takes, result.arguments);
      for (const auto name : command.options) add_option(*sub, name, result.arguments);
      sub->footer(fmt::format("Examples:\n{}", command.examples));
      sub->callback([this, &command] { result.command = &command; });
    }
  }
};

}  // namespace

std::expected<Invocation, Message> parse_arguments(const std::vector<std::string>& arguments) {
  Parser parser;
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants it
    parser.app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = parser.app.get_subcommands();
    return std::unexpected(
        Message{Exit::ok, chosen.empty() ? parser.app.help() : chosen.front()->help("holdfast")});
  } catch (const CLI::ParseError& error) {
    return std::unexpected(Message{
        Exit::usage,
        fmt::format("Error: {}\nholdfast --help lists the commands and their options.\n", error.what())});
  }
  return std::move(parser.result);
}

}  // namespace holdfast::ctl
