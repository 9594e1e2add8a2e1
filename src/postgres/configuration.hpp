// Writing PostgreSQL's configuration files and making a running server take them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ha/instance.hpp"
#include "pg/control_data.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

// Writes postgresql.conf, and pg_hba.conf and pg_ident.conf where the settings have them (defaults where
// there is no file at all). The first time, postgresql.conf as it was becomes postgresql.base.conf.
base::Task<base::Result<void>> write_configuration(Site& site, std::optional<pg::RecoveryMinimums> minimums);

// Writes whom to stream from, and the password file for it. Takes effect at the next start or reload.
// invalid: the upstream's conn_url makes no sense.
base::Task<base::Result<void>> write_upstream(Site& site, std::optional<ha::Upstream> upstream);
// Whom the files say.
std::optional<ha::Upstream> configured_upstream(const Site& site);

base::Task<base::Result<void>> write_synchronous_standby_names(Site& site, std::string names);

// The dynamic configuration as last known, where Patroni keeps it.
base::Task<base::Result<void>> write_dynamic_config(Site& site, std::string json);

// Sends SIGHUP. Every backend takes the new settings before its next statement, the postmaster before its
// next child.
void reload(Site& site);

// A server must not stay down, or keep old settings, for one that it does not take: drops from `settings`
// those that its complaints name (parameter "x"), and says so in the log. Whether there were any.
bool leave_out_settings(patroni::PostgresSettings& settings, std::string_view complaints);

// What of the configuration files the server does not take; empty if all is well.
base::Task<base::Result<std::string>> configuration_errors(Site& site, base::Instant deadline);

// postgresql.conf and its kin, kept over pg_rewind, which copies those of its source over ours.
struct SavedConfiguration {
  struct File {
    std::string path;
    std::string text;
  };
  std::vector<File> files;
};
base::Task<SavedConfiguration> save_configuration(Site& site);
base::Task<base::Result<void>> restore_configuration(Site& site, SavedConfiguration saved);

}  // namespace holdfast::postgres
