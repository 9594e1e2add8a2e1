// PATRONI_* environment variables, which win over the file.
// https://patroni.readthedocs.io/en/latest/ENVIRONMENT.html
#pragma once

#include <map>
#include <string>

#include "patroni/yaml_node.hpp"

namespace holdfast::patroni {

using Environment = std::map<std::string, std::string>;

// Puts every variable that corresponds to a setting into the tree, where it replaces the file's; complaints
// about it will say "from PATRONI_...". Empty variables count as unset, as in Patroni. A variable with
// Patroni's prefix that is not known is left alone.
void apply_environment(YamlNode& root, const Environment& environment);

}  // namespace holdfast::patroni
