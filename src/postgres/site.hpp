// What the parts of this adapter share: the one instance, its programs, its configuration and its
// connections.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ha/instance.hpp"
#include "net/runtime.hpp"
#include "patroni/node_config.hpp"
#include "pg/control_data.hpp"
#include "postgres/connection.hpp"
#include "postgres/data_directory.hpp"
#include "postgres/installation.hpp"
#include "postgres/postmaster.hpp"
#include "system/worker.hpp"

namespace holdfast::postgres {

struct Site {
  Site(net::Runtime& loop, patroni::NodeConfig node, Installation programs);

  net::Runtime& runtime;
  system::Worker worker;
  patroni::NodeConfig config;
  const Installation installation;
  const DataDirectory directory;
  patroni::PostgresSettings settings;  // in effect: dynamic merged with local
  bool logins_may_differ = false;      // the node's file was read again since settings were written
  Postmaster postmaster;
  Session heartbeat;  // observe()'s own, so that it never waits for a command
  Session commands;

  base::Instant now() const { return runtime.clock().now(); }
  base::Instant in(base::Duration time) const { return now() + time; }
  base::Task<void> pause(base::Duration time) { return runtime.clock().sleep_until(now() + time); }

  std::string config_dir() const;
  // Names within config_dir: postgresql.conf, which is ours, and postgresql.base.conf, as it was before us.
  std::string main_conf() const { return config.postgresql.config_base_name + ".conf"; }
  std::string base_conf() const { return config.postgresql.config_base_name + ".base.conf"; }
  // Of the running standby: its walreceiver reads it at each connection.
  std::string password_file() const;
  // For one run of one program.
  std::string temporary_file(std::string_view purpose) const;
  std::string server_log() const { return directory.path() + ".log"; }

  // Through pg_controldata, and only when the file changed since the last time, or `may_be_old` and it was
  // read once.
  base::Task<base::Result<pg::ControlData>> control_data(base::Instant deadline, bool may_be_old = false);

 private:
  struct FileVersion {
    ino_t inode = 0;
    timespec changed{};
    bool operator==(const FileVersion& other) const {
      return inode == other.inode && changed.tv_sec == other.changed.tv_sec &&
             changed.tv_nsec == other.changed.tv_nsec;
    }
  };
  std::optional<FileVersion> control_version_;
  std::optional<pg::ControlData> control_;
};

}  // namespace holdfast::postgres
