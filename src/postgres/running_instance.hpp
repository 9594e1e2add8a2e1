// A running instance that nobody here knows yet, described for a configuration file.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "net/runtime.hpp"

namespace holdfast::postgres {

struct RunningInstance {
  // What was set by files, command line or environment, and what a configuration must always have.
  std::map<std::string, std::string> settings;
  std::vector<std::string> pg_hba, pg_ident;  // empty when they are not in the data directory
  std::string bin_dir;
  std::string connect_port;                  // by which it was reached
  std::map<std::string, std::string> login;  // keys of postgresql.authentication.superuser
};

// Connects with `dsn` (libpq's keywords or a URL; may be empty) and libpq's environment variables. refused:
// not as a superuser. The data directory must be on this machine.
base::Task<base::Result<RunningInstance>> look_at_running_instance(net::Runtime& runtime, std::string dsn);

// Settings that are for the node's file rather than for all nodes.
bool belongs_to_a_node(std::string_view setting);

}  // namespace holdfast::postgres
