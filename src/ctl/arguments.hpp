// The command line.
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

std::expected<Invocation, Message> parse_arguments(const std::vector<std::string>& arguments);

}  // namespace holdfast::ctl
