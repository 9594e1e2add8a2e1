#include "postgres/configuration.hpp"

#include <algorithm>
#include <csignal>

#include "patroni/dynamic_config.hpp"
#include "pg/names.hpp"
#include "postgres/logins.hpp"
#include "postgres/settings_text.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {
namespace {

using base::Result;
using base::Task;

// All that is to be written, as values: it happens on another thread.
struct Plan {
  std::string config_dir, data_dir, main_name, base_name;
  system::Owner owner;
  std::string main;
  std::string hba, default_hba;  // empty: leave the file as it is
  std::string ident;
  bool own_hba = true, own_ident = true;
};

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + '\n';
  return text;
}

// The file that was there before us. One that we wrote must not include itself.
Result<void> keep_base_conf(const Plan& plan) {
  const auto base = plan.config_dir + "/" + plan.base_name;
  const auto main = plan.config_dir + "/" + plan.main_name;
  if (plan.base_name.empty() || system::exists(base)) return {};
  const auto present = system::read_file(main);
  if (present && !present->contains(plan.base_name)) return system::rename_path(main, base);
  // initdb writes into the data directory, wherever our files are.
  const auto made_by_initdb = system::read_file(plan.data_dir + "/" + plan.main_name);
  const bool usable = made_by_initdb && !made_by_initdb->contains(plan.base_name);
  return system::write_file(base, usable ? *made_by_initdb : "", plan.owner);
}

Result<void> write_or_default(const std::string& path, const std::string& text, const std::string& fallback,
                              system::Owner owner) {
  if (!text.empty()) return system::write_file(path, text, owner);
  if (!system::exists(path)) return system::write_file(path, fallback, owner);
  return {};
}

Result<void> clean_auto_conf(const std::string& data_dir, system::Owner owner) {
  const auto path = data_dir + "/postgresql.auto.conf";
  const auto present = system::read_file(path);
  if (!present) return {};
  const auto cleaned = without_our_settings(*present);
  return cleaned == *present ? Result<void>() : system::write_file(path, cleaned, owner);
}

Result<void> carry_out(const Plan& plan) {
  if (auto kept = keep_base_conf(plan); !kept) return kept;
  if (auto done = system::write_file(plan.config_dir + "/" + plan.main_name, plan.main, plan.owner); !done)
    return done;
  if (plan.own_hba)
    if (auto done =
            write_or_default(plan.config_dir + "/pg_hba.conf", plan.hba, plan.default_hba, plan.owner);
        !done)
      return done;
  if (plan.own_ident)
    if (auto done = write_or_default(plan.config_dir + "/pg_ident.conf", plan.ident, "", plan.owner); !done)
      return done;
  return clean_auto_conf(plan.data_dir, plan.owner);
}

// libpq's own defaults, spelled out as Patroni does: who compares finds the same.
void prefer_encryption(pg::Conninfo& login) {
  for (const auto* keyword : {"sslmode", "gssencmode", "channel_binding"}) {
    const auto entry = std::ranges::find(login, keyword, &pg::Conninfo::value_type::first);
    if (entry == login.end())
      login.emplace_back(keyword, "prefer");
    else if (entry->second.empty())
      entry->second = "prefer";
  }
}

// The password file may be anywhere, in a directory that is not there yet.
Task<Result<void>> write_password_file(Site& site, std::string text) {
  return site.worker.run(
      [path = site.password_file(), text = std::move(text), owner = site.directory.owner()] {
        if (const auto directory = system::parent_of(path); !system::exists(directory))
          if (auto made = system::make_directory(directory, owner); !made) return made;
        return system::write_file(path, text, owner);
      });
}

Task<Result<void>> write_one(Site& site, std::string path, std::string text) {
  return site.worker.run([path = std::move(path), text = std::move(text), owner = site.directory.owner()] {
    return system::write_file(path, text, owner);
  });
}

}  // namespace

Task<Result<void>> write_configuration(Site& site, std::optional<pg::RecoveryMinimums> minimums) {
  const auto& settings = site.settings;
  const bool custom = !settings.custom_conf.empty();
  Plan plan{.config_dir = site.config_dir(),
            .data_dir = site.directory.path(),
            .main_name = site.main_conf(),
            .base_name = custom ? "" : site.base_conf(),
            .owner = site.directory.owner()};
  plan.main =
      main_conf_text(settings, plan.config_dir, custom ? settings.custom_conf : site.base_conf(), minimums);
  plan.hba = joined(settings.pg_hba);
  plan.default_hba = joined(default_hba(
      site.config.postgresql, superuser_name(site.config.postgresql, site.installation.user().name)));
  plan.ident = joined(settings.pg_ident);
  plan.own_hba = !settings.parameters.contains("hba_file");
  plan.own_ident = !settings.parameters.contains("ident_file");
  return site.worker.run([plan = std::move(plan)] { return carry_out(plan); });
}

Task<Result<void>> write_upstream(Site& site, std::optional<ha::Upstream> upstream) {
  std::optional<Streaming> streaming;
  std::string passwords;
  if (upstream) {
    const auto& replication = site.config.postgresql.replication;
    auto login = member_login(*upstream, replication);
    if (!login) co_return std::unexpected(login.error());
    passwords = password_line(*login, replication);
    prefer_encryption(*login);
    streaming = Streaming{
        .upstream = *upstream,
        .login = std::move(*login),
        .password_file = site.password_file(),
        .member_name = site.config.name,
        .slot = upstream->slot.value_or(site.settings.use_slots ? pg::slot_name(site.config.name) : "")};
  }
  // The password file first: while it does not know the old upstream, nothing can connect there again.
  if (auto written = co_await write_password_file(site, passwords); !written)
    co_return base::in("postgresql.pgpass", written.error());
  co_return co_await write_one(site, site.config_dir() + "/" + kReplicationConf,
                               replication_conf_text(streaming));
}

std::optional<ha::Upstream> configured_upstream(const Site& site) {
  const auto text = system::read_file(site.config_dir() + "/" + kReplicationConf);
  return text ? upstream_in(*text) : std::nullopt;
}

Task<Result<void>> write_synchronous_standby_names(Site& site, std::string names) {
  auto written =
      co_await write_one(site, site.config_dir() + "/" + kSynchronousConf, synchronous_conf_text(names));
  if (!written) co_return written;
  co_return co_await site.worker.run([data_dir = site.directory.path(), owner = site.directory.owner()] {
    return clean_auto_conf(data_dir, owner);
  });
}

Task<Result<void>> write_dynamic_config(Site& site, std::string json) {
  return write_one(site, site.directory.file(patroni::kDynamicConfigFile), std::move(json));
}

void reload(Site& site) {
  if (site.postmaster.look() != ha::Process::stopped) site.postmaster.signal(SIGHUP);
}

bool leave_out_settings(patroni::PostgresSettings& settings, std::string_view complaints) {
  constexpr std::string_view kMark = "parameter \"";
  bool any = false;
  for (auto at = complaints.find(kMark); at != std::string_view::npos; at = complaints.find(kMark, at + 1)) {
    const auto begin = at + kMark.size();
    const std::string name(complaints.substr(begin, complaints.find('"', begin) - begin));
    const auto setting = settings.parameters.find(name);
    if (setting == settings.parameters.end()) continue;
    telemetry::warning("PostgreSQL does not take postgresql.parameters.{} = '{}'; it is left out", name,
                       setting->second);
    settings.parameters.erase(setting);
    any = true;
  }
  return any;
}

Task<Result<std::string>> configuration_errors(Site& site, base::Instant deadline) {
  // A setting that is only taken at a start has an error, too, if it is another now, or in no file any more
  // (then without a file): that is pending, not wrong.
  // https://www.postgresql.org/docs/15/view-pg-file-settings.html
  const auto rows = co_await site.commands.query(
      "SELECT coalesce('parameter \"' || lower(file.name) || '\"', file.sourcefile || ' line ' || "
      "file.sourceline),"
      "       file.setting, error, file.sourcefile"
      "  FROM pg_file_settings AS file LEFT JOIN pg_settings AS s ON lower(s.name) = lower(file.name)"
      " WHERE error IS NOT NULL AND file.sourcefile IS NOT NULL AND s.context IS DISTINCT FROM 'postmaster'"
      " UNION ALL SELECT 'line ' || line_number, NULL, error, 'pg_hba.conf' FROM pg_hba_file_rules"
      " WHERE error IS NOT NULL"
      " UNION ALL SELECT 'line ' || line_number, NULL, error, 'pg_ident.conf' FROM pg_ident_file_mappings"
      " WHERE error IS NOT NULL",
      std::vector<std::string>{}, deadline);
  if (!rows) co_return std::unexpected(rows.error());
  std::string problems;
  for (int row = 0; row < rows->count(); ++row)
    problems += fmt::format("{}{}{}: {} ({})", row > 0 ? "; " : "", rows->text(row, 0),
                            rows->is_null(row, 1) ? "" : fmt::format(" = '{}'", rows->text(row, 1)),
                            rows->text(row, 2), rows->text(row, 3));
  co_return problems;
}

Task<SavedConfiguration> save_configuration(Site& site) {
  return site.worker.run([config_dir = site.config_dir(), base = site.base_conf()] {
    SavedConfiguration saved;
    for (const auto& name : {base, std::string("pg_hba.conf"), std::string("pg_ident.conf")})
      if (auto text = system::read_file(config_dir + "/" + name))
        saved.files.push_back({config_dir + "/" + name, std::move(*text)});
    return saved;
  });
}

Task<Result<void>> restore_configuration(Site& site, SavedConfiguration saved) {
  for (auto& file : saved.files)
    if (auto written = co_await write_one(site, std::move(file.path), std::move(file.text)); !written)
      co_return written;
  co_return Result<void>();
}

}  // namespace holdfast::postgres
