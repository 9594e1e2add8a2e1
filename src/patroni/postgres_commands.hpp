// What of a user's own is run around PostgreSQL: callbacks, fences, ways to make a cluster or a replica.
// https://patroni.readthedocs.io/en/latest/replica_bootstrap.html
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::patroni {

// pg_basebackup itself, among the ways to make a replica.
inline constexpr std::string_view kBaseBackup = "basebackup";

// One way to make a replica.
struct ReplicaMethod {
  std::string name;
  std::string command;                 // a command line; empty for basebackup
  std::vector<std::string> arguments;  // the user's own, "--key=value", in the order of the configuration
  bool no_params = false;              // --scope, --role, --datadir, --connstring are not passed
  bool no_leader = false;              // works without anybody to copy from
  bool keep_data = false;              // wants what is in the data directory

  bool is_basebackup() const { return name == kBaseBackup; }
  bool operator==(const ReplicaMethod&) const = default;
};

struct PostgresCommands {
  std::map<std::string, std::string> callbacks;  // "on_start": a command line
  std::string pre_promote;                       // must succeed, or nobody is promoted
  std::string before_stop;                       // runs before every clean stop
  std::vector<ReplicaMethod> replica_methods;    // in order of preference; never empty once read
  // What must not be rewound is thrown away before it is copied anew; otherwise it is kept beside.
  bool remove_data_directory_on_rewind_failure = false;
  bool remove_data_directory_on_diverged_timelines = false;

  bool can_restore_without_leader() const;
  bool operator==(const PostgresCommands&) const = default;
};

// From `postgresql:`, of the dynamic configuration with the node's file on top. What cannot be used is
// reported in `problems` and left out.
PostgresCommands read_postgres_commands(const boost::json::object& postgresql,
                                        std::vector<std::string>& problems);

// `create_replica_methods` of a section, `path` being its name; basebackup if it names none.
std::vector<std::string> read_method_names(const boost::json::object& section, std::string_view path,
                                           std::vector<std::string>& problems);

// The methods of these names; one without a section is a command of that name.
std::vector<ReplicaMethod> read_replica_methods(const boost::json::object& postgresql,
                                                const std::vector<std::string>& names,
                                                std::vector<std::string>& problems);

// `bootstrap.method` other than initdb: a command that fills the data directory.
struct BootstrapMethod {
  std::string name;
  std::string command;
  std::vector<std::string> arguments;  // as of ReplicaMethod
  bool no_params = false;              // --scope and --datadir are not passed
  bool keep_existing_recovery_conf = false;
  // How far to recover what the command left; absent: it is whole.
  std::optional<std::map<std::string, std::string>> recovery_conf;

  bool operator==(const BootstrapMethod&) const = default;
};

BootstrapMethod read_bootstrap_method(std::string name, const boost::json::object& section,
                                      std::vector<std::string>& problems);

// A map, or a list of texts and maps with one entry: {"checkpoint": "fast"} and "verbose" become
// --checkpoint=fast and --verbose. One pair of quotes around a value is taken off.
std::vector<std::string> option_arguments(const boost::json::value& options, std::string_view key,
                                          std::vector<std::string>& problems);

}  // namespace holdfast::patroni
