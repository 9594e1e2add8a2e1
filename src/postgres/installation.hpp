// The PostgreSQL programs of this machine, and as whom they run.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "net/runtime.hpp"
#include "patroni/node_config.hpp"
#include "system/files.hpp"
#include "system/os_user.hpp"
#include "system/program.hpp"

namespace holdfast::postgres {

inline constexpr int kMajor = 15;

class Installation {
 public:
  // invalid: the programs are not there or of another major version; the message names postgresql.bin_dir and
  // the package. As root, PostgreSQL runs as the owner of the data directory, or as `postgres`.
  static base::Task<base::Result<Installation>> find(net::Runtime& runtime,
                                                     const patroni::PostgresConfig& config);

  std::string program(std::string_view name) const;  // "/usr/lib/postgresql/15/bin/initdb"
  const system::OsUser& user() const { return user_; }
  system::Owner owner() const { return {user_.uid, user_.gid}; }

  // A tool run with these arguments, speaking English; `password_file` may be empty.
  system::Command tool(std::string_view name, std::vector<std::string> arguments,
                       const std::string& password_file = {}) const;
  // A command line of the user's: in our directory and language, with the PATRONI_* variables that are no
  // secrets. `password_file` may be empty.
  system::Command user_command(std::vector<std::string> argv, const std::string& password_file) const;
  // The server itself, and initdb: in the language of our environment, which initdb makes the cluster's
  // locale.
  system::Command server_command(std::string_view name, std::vector<std::string> arguments) const;

 private:
  Installation(std::string bin_dir, std::map<std::string, std::string> names, system::OsUser user);

  std::string bin_dir_;
  std::map<std::string, std::string> names_;  // of programs that have another one
  system::OsUser user_;
  std::vector<std::string> environment_;
  std::vector<std::string> for_user_commands_;  // in addition
};

}  // namespace holdfast::postgres
