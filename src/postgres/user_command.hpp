// Running what the configuration names: a command line of the user's, in the agent's own directory and
// language, its output in our log.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

struct UserCommand {
  std::string key;                            // where it is configured: "bootstrap.post_bootstrap"
  std::string line;                           // split into words as a shell would; nothing is expanded
  std::vector<std::string> arguments;         // after those of the line; must hold no secret
  std::string password_file = {};             // for libpq; may be empty
  std::vector<std::string> environment = {};  // in addition: "NAME=value"
};

// Its words, found in PATH if the first has no slash. invalid: the line cannot be split, or is empty.
base::Result<system::Command> prepare_user_command(const Site& site, const UserCommand& command);

// Runs it to its end. failed: it ended with another status than 0; the message has its last words. timed_out:
// it did not end by `deadline`; it is ended then, and its children with it. Destroying the task ends it, too.
base::Task<base::Result<void>> run_user_command(Site& site, UserCommand command, base::Instant deadline);

// `text` without the configured passwords, for logs and messages.
std::string without_secrets(const patroni::NodeConfig& config, std::string text);

}  // namespace holdfast::postgres
