#include "postgres/local_postgres.hpp"

#include "postgres/bootstrap.hpp"
#include "postgres/callbacks.hpp"
#include "postgres/clone.hpp"
#include "postgres/configuration.hpp"
#include "postgres/crash_recovery.hpp"
#include "postgres/local_wal.hpp"
#include "postgres/logins.hpp"
#include "postgres/replication_slots.hpp"
#include "postgres/rewind.hpp"
#include "postgres/running_server.hpp"
#include "postgres/server_control.hpp"
#include "postgres/server_status.hpp"
#include "postgres/site.hpp"
#include "postgres/upstream_timeline.hpp"

namespace holdfast::postgres {

using base::Result;
using base::Task;

struct LocalPostgres::Parts {
  Parts(net::Runtime& runtime, patroni::NodeConfig config, Installation installation)
      : site(runtime, std::move(config), std::move(installation)) {}

  Site site;
  StatusQuery status_query;
  Callbacks callbacks{site};

  Task<void> observe_server(ha::Instance& instance, base::Instant deadline);
};

LocalPostgres::LocalPostgres(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LocalPostgres::~LocalPostgres() = default;

Task<Result<std::unique_ptr<LocalPostgres>>> LocalPostgres::open(net::Runtime& runtime,
                                                                 patroni::NodeConfig config) {
  auto installation = co_await Installation::find(runtime, config.postgresql);
  if (!installation) co_return std::unexpected(installation.error());
  auto parts = std::make_unique<Parts>(runtime, std::move(config), std::move(*installation));
  co_return std::unique_ptr<LocalPostgres>(new LocalPostgres(std::move(parts)));
}

Task<void> LocalPostgres::Parts::observe_server(ha::Instance& instance, base::Instant deadline) {
  auto status = co_await status_query.ask(site, deadline);
  if (status) {
    instance.status = std::move(*status);
    co_return;
  }
  // A server that restarts itself after a crash keeps its postmaster, and its old status in postmaster.pid.
  if (status.error().message.contains("57P03")) instance.process = ha::Process::starting;
  const auto superuser = superuser_name(site.config.postgresql, site.installation.user().name);
  instance.status_problem = explain(status.error(), "postgresql.authentication.superuser", superuser).message;
}

Task<ha::Instance> LocalPostgres::observe(base::Instant deadline) {
  auto& site = parts_->site;
  ha::Instance instance;
  const auto found = site.directory.look();
  instance.data = found.kind;
  instance.data_problem = found.problem;
  instance.process = site.postmaster.look();
  const bool has_cluster = found.kind == ha::DataDirectory::valid ||
                           found.kind == ha::DataDirectory::unconfirmed ||
                           found.kind == ha::DataDirectory::half_rewound;
  if (!has_cluster) co_return instance;
  instance.standby_signal = site.directory.has_standby_signal();
  if (instance.process == ha::Process::running) co_await parts_->observe_server(instance, deadline);
  const bool standby = instance.status ? instance.status->in_recovery : instance.standby_signal;
  if (standby) instance.upstream = configured_upstream(site);
  // A running server changes its pg_control all the time, and what could be read there, its status says
  // better.
  // A postmaster that says itself that it stops lets nobody in any more; so what pg_control says after that
  // is not what it said before a start.
  const bool stops = instance.process == ha::Process::stopping &&
                     site.postmaster.status() == pg::PostmasterFile::Status::stopping;
  if (auto control = co_await site.control_data(deadline, instance.process == ha::Process::running))
    instance.control = std::move(*control);
  else
    instance.data_problem = control.error().message;
  if (stops && instance.control && instance.control->state == ha::ControlState::shut_down)
    instance.wal_complete = instance.control->checkpoint;
  co_return instance;
}

base::Event& LocalPostgres::ended() { return parts_->site.postmaster.ended(); }

Task<Result<ha::SystemId>> LocalPostgres::bootstrap(ports::ReportProgress report) {
  return bootstrap_cluster(parts_->site, std::move(report));
}
Task<Result<void>> LocalPostgres::clone(ha::Upstream source, ports::ReportProgress report,
                                        CloneOptions options) {
  return clone_cluster(parts_->site, std::move(source), options, std::move(report));
}
Task<Result<void>> LocalPostgres::start(StartOptions options) {
  return start_server(parts_->site, std::move(options));
}
Task<Result<void>> LocalPostgres::stop(ports::StopMode mode, base::Instant deadline) {
  return stop_server(parts_->site, mode, deadline);
}
Task<Result<void>> LocalPostgres::promote() { return promote_server(parts_->site); }
Task<Result<void>> LocalPostgres::rewind(ha::Upstream source, ports::ReportProgress report) {
  return rewind_cluster(parts_->site, std::move(source), std::move(report));
}

Task<Result<void>> LocalPostgres::confirm_bootstrap() { co_return parts_->site.directory.confirm(); }

Task<Result<void>> LocalPostgres::follow(std::optional<ha::Upstream> upstream, base::Instant deadline) {
  return follow_upstream(parts_->site, std::move(upstream), deadline);
}
Task<Result<void>> LocalPostgres::set_synchronous_standby_names(std::string value, base::Instant deadline) {
  return change_synchronous_standby_names(parts_->site, std::move(value), deadline);
}
Task<Result<void>> LocalPostgres::configure(patroni::PostgresSettings settings, base::Instant deadline) {
  return change_settings(parts_->site, std::move(settings), deadline);
}
void LocalPostgres::call_back(ha::Callback callback) { parts_->callbacks.call(callback); }
void LocalPostgres::reload_config(patroni::NodeConfig config) {
  parts_->site.config = std::move(config);
  parts_->site.logins_may_differ = true;
}
Task<Result<void>> LocalPostgres::remember_dynamic_config(std::string json) {
  return write_dynamic_config(parts_->site, std::move(json));
}
Task<Result<void>> LocalPostgres::create_slot(std::string name, ha::NewSlot slot, base::Instant deadline) {
  return create_replication_slot(parts_->site, std::move(name), std::move(slot), deadline);
}
Task<Result<void>> LocalPostgres::drop_slot(std::string name, base::Instant deadline) {
  return drop_replication_slot(parts_->site, std::move(name), deadline);
}
Task<Result<void>> LocalPostgres::move_slot(std::string name, ha::SlotMove move, base::Instant deadline) {
  return move_replication_slot(parts_->site, std::move(name), std::move(move), deadline);
}
Task<Result<std::vector<ha::SlotFile>>> LocalPostgres::fetch_slots(ha::Upstream leader,
                                                                   std::set<std::string> names,
                                                                   base::Instant deadline) {
  return fetch_slot_files(parts_->site, std::move(leader), std::move(names), deadline);
}
Task<Result<void>> LocalPostgres::place_slots(std::vector<ha::SlotFile> files) {
  return place_slot_files(parts_->site, std::move(files));
}
Task<Result<void>> LocalPostgres::checkpoint(base::Instant deadline) {
  return make_checkpoint(parts_->site, deadline);
}

Task<Result<void>> LocalPostgres::archive_end_of_wal() { return archive_last_segment(parts_->site); }

Task<Result<ha::UpstreamTimeline>> LocalPostgres::inspect(ha::Upstream upstream, base::Instant deadline) {
  return inspect_upstream(parts_->site, std::move(upstream), deadline);
}
Task<Result<pg::Lsn>> LocalPostgres::end_of_wal(base::Instant deadline) {
  return find_end_of_wal(parts_->site, deadline);
}

Task<Result<pg::TimelineHistory>> LocalPostgres::own_history(base::Instant deadline) {
  auto& site = parts_->site;
  if (site.postmaster.look() == ha::Process::running) {
    const auto status = co_await parts_->status_query.ask(site, deadline);
    if (!status) co_return std::unexpected(status.error());
    co_return local_history(site, status->timeline);
  }
  const auto control = co_await site.control_data(deadline);
  if (!control) co_return std::unexpected(control.error());
  co_return local_history(site, control->timeline);
}

}  // namespace holdfast::postgres
