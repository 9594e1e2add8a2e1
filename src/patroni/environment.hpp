// PATRONI_* environment variables, which win over the file.
// https://patroni.readthedocs.io/en/latest/ENVIRONMENT.html
#pragma once

#include <map>
#include <string>
#include <vector>

#include "patroni/yaml_node.hpp"

namespace holdfast::patroni {

// Holds a whole configuration, for programs that are started without a file.
inline constexpr auto kConfigurationVariable = "PATRONI_CONFIGURATION";

using Environment = std::map<std::string, std::string>;

// Puts every variable that corresponds to a setting into the tree, where it replaces the file's; complaints
// about it will say "from PATRONI_...". Empty variables count as unset, as in Patroni. Returns a warning for
// each variable that has Patroni's prefix and no meaning, with the nearest that has one, and for each whose
// list or map cannot be read.
std::vector<std::string> apply_environment(YamlNode& root, const Environment& environment);

}  // namespace holdfast::patroni
