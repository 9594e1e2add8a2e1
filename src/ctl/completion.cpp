#include "ctl/completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

#include "ctl/options.hpp"

namespace holdfast::ctl {
namespace {

constexpr std::string_view kBashHead =
    R"(# Completion of holdfast and patronictl for bash; made by `holdfast completion bash`. Put it (or a link to it) into
# /usr/share/bash-completion/completions/ under the names holdfast and patronictl, or source it from ~/.bashrc.

_holdfast() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
)";

constexpr std::string_view kBashWords = R"(
  local word command="" takes_value=""
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -n $takes_value ]]; then
      takes_value=""
    elif [[ $word == -c || $word == --config-file || $word == -d || $word == --dcs-url ]]; then
      takes_value=1
    elif [[ " $commands " == *" $word "* ]]; then
      command=$word
      break
    fi
  done
)";

constexpr std::string_view kBashTail = R"(  esac
  mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
}

complete -F _holdfast holdfast patronictl
)";

constexpr std::string_view kZshHead =
    R"(# Completion of holdfast and patronictl for zsh; made by `holdfast completion zsh`. Source it from ~/.zshrc.
autoload -U +X bashcompinit && bashcompinit
mapfile() { COMPREPLY=("${(@f)$(cat)}") }

)";

// The long name, or the only one.
std::string_view shown_name(const Option& option) {
  for (const auto name : option.names)
    if (name.starts_with("--")) return name;
  return option.names.front();
}

std::string names_of_commands() {
  std::string names;
  for (const auto& command : commands()) names += fmt::format("{} ", command.name);
  return names + "agent router completion";
}

std::string choices_of(const Option& option) {
  if (option.key == "query-format") return "tsv pretty json yaml";
  if (option.key == "scheduled") return "now";
  return fmt::format("{}", fmt::join(option.choices, " "));
}

// Cases for values: words to choose from, files, or anything.
std::string bash_values() {
  std::string out = "  case $previous in\n";
  std::set<std::string> done;
  std::string files = "-c | --config-file | agent | router", anything = "-d | --dcs-url | --dcs";
  for (const auto& option : options()) {
    if (option.value == Value::none) continue;
    std::string names;
    for (const auto name : option.names) {
      if (name == "-f" || name == "-c" || name == "-d")
        continue;  // mean different things in different commands
      if (done.insert(std::string(name)).second) names += (names.empty() ? "" : " | ") + std::string(name);
    }
    if (names.empty()) continue;
    if (const auto choices = choices_of(option); !choices.empty())
      out += fmt::format("    {}) mapfile -t COMPREPLY < <(compgen -W \"{}\" -- \"$current\"); return ;;\n",
                         names, choices);
    else if (option.metavar == "FILE")
      files += " | " + names;
    else
      anything += " | " + names;
  }
  out +=
      "    -f) mapfile -t COMPREPLY < <(compgen -W \"pretty tsv json yaml\" -f -- \"$current\"); return ;;\n";
  out +=
      "    completion) mapfile -t COMPREPLY < <(compgen -W \"bash zsh fish\" -- \"$current\"); return ;;\n";
  out += fmt::format("    {}) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n", files);
  return out + fmt::format("    {}) return ;;\n  esac\n", anything);
}

std::string bash_script() {
  std::string out(kBashHead);
  out += fmt::format("  local commands=\"{}\"\n", names_of_commands());
  out += "  local global=\"--config-file --dcs-url --insecure --help\"\n\n" + bash_values();
  out += kBashWords;
  out += "\n  local options=\"\"\n  case $command in\n    \"\") options=\"$commands $global\" ;;\n";
  for (const auto& command : commands()) {
    std::string names;
    for (const auto key : command.options) names += fmt::format("{} ", shown_name(option_of(key)));
    if (command.takes == Takes::cluster_members_and_target) names += "restart switchover ";
    out += fmt::format("    {}) options=\"{}$global\" ;;\n", command.name, names);
  }
  out += "    agent | router) options=\"--help\" ;;\n";
  return out + std::string(kBashTail);
}

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("\\'") : std::string(1, c);
  return out + "'";
}

std::string fish_option(const Command& command, const Option& option, std::string_view program) {
  auto line = fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}'", program, command.name);
  for (const auto name : option.names)
    line += name.starts_with("--") ? fmt::format(" -l {}", name.substr(2))
                                   : fmt::format(" -s {}", name.substr(1));
  if (option.value != Value::none) line += option.metavar == "FILE" ? " -r -F" : " -x";
  if (const auto choices = choices_of(option); !choices.empty())
    line += fmt::format(" -a {}", fish_quoted(choices));
  return line + fmt::format(" -d {}\n", fish_quoted(option.help));
}

std::string fish_script() {
  std::string out =
      "# Completion of holdfast and patronictl for fish; made by `holdfast completion fish`. Put it into\n"
      "# ~/.config/fish/completions/holdfast.fish.\n";
  for (const std::string_view program : {"holdfast", "patronictl"}) {
    out += fmt::format(
        "complete -c {0} -f\n"
        "complete -c {0} -s c -l config-file -r -F -d 'Configuration file'\n"
        "complete -c {0} -s d -l dcs-url -x -d 'Where etcd is'\n"
        "complete -c {0} -s k -l insecure -d 'Do not verify certificates'\n",
        program);
    for (const auto& command : commands()) {
      out += fmt::format("complete -c {} -n __fish_use_subcommand -a {} -d {}\n", program, command.name,
                         fish_quoted(command.help));
      for (const auto key : command.options) out += fish_option(command, option_of(key), program);
    }
  }
  return out;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return bash_script();
  if (shell == "zsh") return std::string(kZshHead) + bash_script();
  if (shell == "fish") return fish_script();
  return {};
}

}  // namespace holdfast::ctl
