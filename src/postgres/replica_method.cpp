#include "postgres/replica_method.hpp"

#include <unistd.h>

#include "postgres/logins.hpp"
#include "postgres/settings_text.hpp"
#include "postgres/user_command.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using namespace std::chrono_literals;

constexpr auto kRestoreTime = 24h * 7;  // the largest databases take days; a stuck one must not last for ever

Task<Result<void>> run(Site& site, const patroni::ReplicaMethod& method, const ha::Upstream& source) {
  UserCommand command{
      .key = "postgresql." + method.name, .line = method.command, .arguments = method.arguments};
  std::optional<TemporaryFile> passwords;
  std::string connstring;
  if (!source.name.empty()) {
    const auto& user = site.config.postgresql.replication;
    auto login = member_login(source, user);
    if (!login) co_return std::unexpected(login.error());
    login->emplace_back("dbname", site.config.postgresql.database);
    auto written = TemporaryFile::write(site.temporary_file("restore"), password_line(*login, user),
                                        site.directory.owner());
    if (!written) co_return std::unexpected(written.error());
    passwords.emplace(std::move(*written));
    command.password_file = passwords->path();
    connstring = pg::to_string(pg::redacted(*login));
  }
  if (!method.no_params)
    command.arguments.insert(command.arguments.end(),
                             {"--scope=" + site.config.scope, "--role=replica",
                              "--datadir=" + site.directory.path(), "--connstring=" + connstring});
  if (auto done = co_await run_user_command(site, std::move(command), site.in(kRestoreTime)); !done)
    co_return done;
  if (auto whole = site.directory.check_filled(); !whole) co_return base::in(method.name, whole.error());
  if (auto ours = site.directory.remove_foreign_state(); !ours) co_return ours;
  if (auto standby = make_it_a_standby(site.directory.path(), site.directory.owner()); !standby)
    co_return standby;
  if (auto rewound = site.directory.end_rewind(); !rewound) co_return rewound;
  co_return site.directory.filled();
}

}  // namespace

Result<void> make_it_a_standby(const std::string& directory, system::Owner owner) {
  for (const auto* name : {"holdfast.unconfirmed", kReplicationConf, kSynchronousConf, "recovery.signal"})
    if (auto removed = system::remove_file(directory + "/" + name); !removed) return removed;
  return system::write_file(directory + "/standby.signal", "", owner);
}

Task<Result<void>> run_replica_method(Site& site, patroni::ReplicaMethod method, ha::Upstream source,
                                      const ports::ReportProgress& report) {
  const auto& directory = site.directory;
  std::string kept;
  if (!method.keep_data && !DataDirectory::is_free(directory.look().kind)) {
    if (directory.has_tablespaces())
      co_return base::fail(ErrorKind::failed,
                           "{} would restore into the tablespaces of the data that is kept; use keep_data or "
                           "basebackup, or empty {}",
                           method.name, directory.path());
    auto aside = directory.set_aside(site.runtime.clock().wall_time());
    if (!aside) co_return std::unexpected(aside.error());
    kept = std::move(*aside);
  }
  if (auto free = co_await directory.begin_filling_by_program(site.runtime, method.keep_data); !free)
    co_return free;
  report({.doing = "making the data with " + method.name});
  auto made = co_await run(site, method, source);
  if (made) {
    telemetry::info("replica made with {}{}", method.name,
                    kept.empty() ? "" : "; what was there before is kept as " + kept);
    co_return made;
  }
  if (method.keep_data) co_return made;  // it may go on where it ended; the mark stays
  if (auto gone = co_await directory.give_up_filling(site.runtime); !gone) co_return gone;
  if (kept.empty()) co_return made;
  (void)::rmdir(directory.path().c_str());
  if (auto back = directory.put_back(kept); !back) co_return back;
  co_return made;
}

}  // namespace holdfast::postgres
