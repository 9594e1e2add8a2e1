// All options of all commands: one row each, from which parsing, --help and completion follow.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "ctl/command.hpp"

namespace holdfast::ctl {

enum class Value { none, text, number, integer, choice };

struct Option {
  std::string_view key;                 // by which commands list it; mostly its long name
  std::vector<std::string_view> names;  // in patronictl's order, which its messages show
  Value value = Value::none;
  std::string_view metavar;  // of a value
  std::vector<std::string_view> choices;
  std::string_view help;
  // Called with a text that is of the right kind; empty for those without a value.
  std::function<void(Arguments&, std::string_view)> set;
};

std::span<const Option> options();
const Option& option_of(std::string_view key);  // must exist

// "primary" and the other roles that members are chosen by.
std::span<const std::string_view> role_names();

}  // namespace holdfast::ctl
