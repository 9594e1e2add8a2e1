// The command line, read as patronictl (Python's click) reads it: options anywhere after the command,
// -Wfjson,
// --format=json, -- ends the options; and its complaints in the same words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/command.hpp"

namespace holdfast::ctl {

struct Invocation {
  const Command* command = nullptr;
  Arguments arguments;
  std::string config_file;  // empty: not given
  std::optional<std::string> dcs_url;
  bool insecure = false;
};

// What to do, or what to say instead: help (ok), or what is wrong (usage).
struct Message {
  Exit exit = Exit::ok;
  std::string text;
};

// The options before the command are also taken after it, where the command has none of that name.
std::expected<Invocation, Message> parse_arguments(const std::vector<std::string>& arguments, Face face);

// "holdfast" or "patronictl".
std::string_view program_name(Face face);

}  // namespace holdfast::ctl
