// `patroni --validate-config`, `--generate-config` and `--generate-sample-config`: about configuration files,
// without running anything.
#pragma once

#include <string>

namespace holdfast {

// Stands in generated files where only a person knows what to write, as in those of Patroni.
inline constexpr auto kFillIn =
    "#FIX"
    "ME";

struct ValidateOptions {
  bool ignore_listen_port = false;  // that somebody listens there already, perhaps this very node
  bool print = false;               // what was read, the environment's part included
};
// Exit code 0: nothing is wrong; 1: what is, on standard error.
int validate_config(const std::string& path, const ValidateOptions& options);

// Write to `output`, or to standard output when that is empty. Exit code 1: it could not be made.
int generate_sample_config(const std::string& output);
// From a running instance, as its superuser; `dsn` may be empty.
int generate_config(const std::string& output, const std::string& dsn);

}  // namespace holdfast
