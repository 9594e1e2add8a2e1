// The text of PostgreSQL's configuration files. Patroni's layout, so that a node can change hands either way:
//
//   postgresql.base.conf        what initdb or a person wrote; kept
//   postgresql.conf             ours: includes the former, then all settings
//   holdfast.replication.conf   ours: where to stream from; rewritten by follow()
//   holdfast.synchronous.conf   ours: synchronous_standby_names; rewritten alone, because commits wait for it
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ha/instance.hpp"
#include "patroni/node_config.hpp"
#include "pg/conninfo.hpp"
#include "pg/control_data.hpp"

namespace holdfast::postgres {

inline constexpr auto kReplicationConf = "holdfast.replication.conf";
inline constexpr auto kSynchronousConf = "holdfast.synchronous.conf";

// `minimums`: of a standby, what its primary had; it could not start with less.
// `included`: the file whose settings are the weakest.
std::string main_conf_text(const patroni::PostgresSettings& settings, const std::string& config_dir,
                           const std::string& included, const std::optional<pg::RecoveryMinimums>& minimums);

struct Streaming {
  ha::Upstream upstream;
  pg::Conninfo login;  // without the password
  std::string password_file;
  std::string member_name;  // our own
  std::string slot;         // empty: without a slot
};
// With nobody to stream from, the standby only replays what it has.
std::string replication_conf_text(const std::optional<Streaming>& streaming);
// Whom a file of that text points at.
std::optional<ha::Upstream> upstream_in(std::string_view replication_conf);

std::string synchronous_conf_text(std::string_view names);

// For who gives no pg_hba: nobody without a password, nobody into replication but its user.
std::vector<std::string> default_hba(const patroni::PostgresConfig& config, const std::string& superuser);

// postgresql.auto.conf is read last and would win over our files: the same without the settings that must not
// be changed by ALTER SYSTEM.
std::string without_our_settings(std::string_view auto_conf);

// What the postmaster gets on its command line, where ALTER SYSTEM cannot reach: "--port=5432".
std::vector<std::string> command_line_settings(const patroni::PostgresSettings& settings,
                                               const std::optional<pg::RecoveryMinimums>& minimums);

}  // namespace holdfast::postgres
