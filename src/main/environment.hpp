// What the programs take from their surroundings.
#pragma once

#include <string>

#include "base/result.hpp"
#include "patroni/environment.hpp"

namespace holdfast {

patroni::Environment process_environment();

// invalid: the message names the file and what is wrong with it.
base::Result<std::string> read_text_file(const std::string& path);

}  // namespace holdfast
