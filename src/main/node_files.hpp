// A node's configuration from the files of this machine.
#pragma once

#include <string>

#include "base/result.hpp"
#include "patroni/config_file.hpp"

namespace holdfast {

// `path`: a file, or a directory, of which all *.yml and *.yaml count in order of name, each over those
// before. When it is neither, or empty, PATRONI_CONFIGURATION stands for it, else the other PATRONI_*
// variables alone. What patroni.dynamic.json in the data directory says is in the result. Relative paths in
// it are made absolute.
base::Result<patroni::LoadedConfig> load_node_config(const std::string& path);

}  // namespace holdfast
