// The difference of two texts, line by line, with three lines around each change; the same hunks as Python's
// difflib makes. https://www.gnu.org/software/diffutils/manual/html_node/Unified-Format.html
#pragma once

#include <string>
#include <string_view>

namespace holdfast::ctl {

// Empty when the texts are equal. `colour`: with escape sequences for a terminal.
std::string unified_diff(std::string_view before, std::string_view after, bool colour = false);

}  // namespace holdfast::ctl
