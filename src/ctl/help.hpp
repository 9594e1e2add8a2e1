// What --help prints.
#pragma once

#include <string>

#include "ctl/command.hpp"

namespace holdfast::ctl {

std::string usage_line(const Command& command, Face face);  // "Usage: ... [OPTIONS] CLUSTER_NAME"
std::string help_page(Face face);                           // of the program
std::string help_page(const Command& command, Face face);

}  // namespace holdfast::ctl
