// What a shell needs to complete our command lines, made from the tables of commands and options.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::ctl {

// For bash, zsh or fish; empty for others.
std::string completion_script(std::string_view shell);

}  // namespace holdfast::ctl
