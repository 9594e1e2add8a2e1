#include "postgres/site.hpp"

#include <sys/stat.h>

#include "patroni/dynamic_config.hpp"
#include "postgres/logins.hpp"

namespace holdfast::postgres {

Site::Site(net::Runtime& loop, patroni::NodeConfig node, Installation programs)
    : runtime(loop),
      worker(loop),
      config(std::move(node)),
      installation(std::move(programs)),
      directory(config.postgresql.data_dir, installation.owner()),
      settings(patroni::effective_config(config.first_dynamic(), config.postgresql, config.scope).postgresql),
      postmaster(loop, worker, directory.path()),
      heartbeat(loop, local_login(config, settings, installation.user().name)),
      commands(loop, local_login(config, settings, installation.user().name)) {}

std::string Site::config_dir() const {
  return config.postgresql.config_dir.empty() ? directory.path()
                                              : system::normal_path(config.postgresql.config_dir);
}

std::string Site::password_file() const {
  return config.postgresql.pgpass.empty() ? directory.path() + ".pgpass" : config.postgresql.pgpass;
}

std::string Site::temporary_file(std::string_view purpose) const {
  return fmt::format("{}.{}", password_file(), purpose);
}

base::Task<base::Result<pg::ControlData>> Site::control_data(base::Instant deadline, bool may_be_old) {
  const auto path = directory.file("global/pg_control");
  struct stat found{};
  if (stat(path.c_str(), &found) != 0)
    co_return base::fail(base::ErrorKind::failed, "there is no {}: the cluster is not whole", path);
  const FileVersion version{.inode = found.st_ino, .changed = found.st_mtim};
  const bool same_file = control_version_ && control_version_->inode == version.inode;
  if (control_ && (control_version_ == version || (may_be_old && same_file))) co_return *control_;
  auto ending = co_await system::run_program(
      runtime, installation.tool("pg_controldata", {"-D", directory.path()}), deadline);
  if (!ending) co_return std::unexpected(ending.error());
  if (!ending->success())
    co_return base::fail(base::ErrorKind::failed, "pg_controldata cannot read {}: {}", path,
                         ending->last_errors);
  const auto parsed = pg::parse_control_data(ending->last_output);
  if (!parsed) co_return std::unexpected(parsed.error());
  control_ = *parsed;
  control_version_ = version;
  co_return *control_;
}

}  // namespace holdfast::postgres
