// A node's configuration file: Patroni's YAML. docs/configuration.md says what is understood of it.
// https://patroni.readthedocs.io/en/latest/yaml_configuration.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "patroni/environment.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::patroni {

struct LoadedConfig {
  NodeConfig config;
  std::vector<std::string> warnings;  // each to be logged; none keeps the node from running
  boost::json::object tree;           // all that was read, the environment's part included
};

// `environment` wins over the file. invalid: the message holds every error of the file, one per line, each
// with file, key, line, what was expected and what was found. Files that the configuration names are not
// looked at.
base::Result<LoadedConfig> load_config(std::string_view yaml, std::string file_name,
                                       const Environment& environment);
// The same of files that were parsed and merged already (merge_yaml).
base::Result<LoadedConfig> load_config(YamlNode tree, std::string file_name, const Environment& environment);

}  // namespace holdfast::patroni
