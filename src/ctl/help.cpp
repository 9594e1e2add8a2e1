#include "ctl/help.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

#include "ctl/arguments.hpp"
#include "ctl/options.hpp"

namespace holdfast::ctl {
namespace {

std::string_view words_after(Takes takes) {
  switch (takes) {
    case Takes::clusters:
      return "[CLUSTER_NAMES]...";
    case Takes::cluster_or_scope:
      return "[CLUSTER_NAME]";
    case Takes::cluster:
      return "CLUSTER_NAME";
    case Takes::cluster_and_members:
      return "CLUSTER_NAME [MEMBER_NAMES]...";
    case Takes::cluster_maybe_members:
      return "[CLUSTER_NAME] [MEMBER_NAMES]...";
    case Takes::cluster_members_and_target:
      return "CLUSTER_NAME [MEMBER_NAMES]... {restart|switchover}";
  }
  return {};
}

// "-f, --format FORMAT"
std::string option_names(const Option& option) {
  std::string out;
  for (const bool is_long : {false, true})  // -f before --format
    for (const auto name : option.names)
      if (name.starts_with("--") == is_long) out += (out.empty() ? "" : ", ") + std::string(name);
  return option.value == Value::none ? out : fmt::format("{} {}", out, option.metavar);
}

struct Row {
  std::string left, right;
};

std::string two_columns(const std::vector<Row>& rows) {
  std::size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row.left.size());
  std::string out;
  for (const auto& row : rows) out += fmt::format("  {:<{}}  {}\n", row.left, width, row.right);
  return out;
}

// The examples are written for holdfast.
std::string examples_for(std::string_view examples, Face face) {
  std::string out(examples);
  const std::string from = "  holdfast ", to = fmt::format("  {} ", program_name(face));
  for (auto at = out.find(from); at != std::string::npos; at = out.find(from, at + to.size()))
    out.replace(at, from.size(), to);
  return out;
}

}  // namespace

std::string usage_line(const Command& command, Face face) {
  constexpr std::size_t kWidth = 80;  // click's
  const auto head = fmt::format("Usage: {} {} ", program_name(face), command.name);
  auto line = fmt::format("{}[OPTIONS] {}", head, words_after(command.takes));
  if (line.size() > kWidth) line.replace(line.rfind(' '), 1, "\n" + std::string(head.size(), ' '));
  return line + "\n";
}

std::string help_page(Face face) {
  const auto name = program_name(face);
  std::vector<Row> rows;
  for (const auto& command : commands())
    rows.push_back({std::string(command.name), std::string(command.help)});
  std::ranges::sort(rows, {}, &Row::left);
  const std::vector<Row> global = {
      {"-c, --config-file FILE",
       "YAML of an agent, a router or the CLI [PATRONICTL_CONFIG_FILE, HOLDFAST_CONFIG]"},
      {"-d, --dcs-url, --dcs URL", "etcd, e.g. etcd3://host:2379/namespace [DCS_URL]"},
      {"-k, --insecure", "Do not verify the certificates of members' REST API"},
      {"--help", "Show this page"}};
  return fmt::format(
      "Usage: {0} [OPTIONS] COMMAND [ARGS]...\n\n  Look at PostgreSQL clusters, and steer them.\n\n"
      "Options:\n{1}\nCommands:\n{2}\n"
      "Where etcd is, and how to log in to the members, comes from the file of -c, or else from\n"
      "~/.config/patroni/patronictl.yaml, and from PATRONI_* variables, which win over a file.\n\n"
      "Exit status: 0 done, 1 refused or failed, 2 wrong usage{3}.\n\n"
      "Examples:\n{4}\n{0} COMMAND --help says more of each.\n",
      name, two_columns(global), two_columns(rows),
      face == Face::holdfast ? " or configuration, 3 etcd does not answer" : "",
      examples_for("  holdfast -c /etc/holdfast/node.yml list\n"
                   "  holdfast -d 10.0.0.1:2379 topology main\n"
                   "  holdfast switchover main --candidate node2 --force\n",
                   face));
}

std::string help_page(const Command& command, Face face) {
  std::vector<Row> rows;
  for (const auto key : command.options) {
    const auto& option = option_of(key);
    rows.push_back({option_names(option), std::string(option.help)});
  }
  rows.push_back({"--help", "Show this page"});
  return fmt::format("{}\n  {}.\n\n{}\nOptions:\n{}\nExamples:\n{}", usage_line(command, face), command.help,
                     command.teaches, two_columns(rows), examples_for(command.examples, face));
}

}  // namespace holdfast::ctl
