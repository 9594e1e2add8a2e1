// ports::Postgres of one agent process: it works on its host's data directory and server, which survive it.
#pragma once

#include <string>

#include "ports/postgres.hpp"
#include "sim/host.hpp"
#include "sim/loop.hpp"
#include "sim/server.hpp"

namespace holdfast::sim {

class Postgres final : public ports::Postgres {
 public:
  Postgres(Site& site, Host& host, Loop& loop);
  ~Postgres() override;

  base::Task<ha::Instance> observe(base::Instant deadline) override;
  base::Event& ended() override { return ended_; }

  base::Task<base::Result<ha::SystemId>> bootstrap(ports::ReportProgress report) override;
  using ports::Postgres::clone;
  base::Task<base::Result<void>> clone(ha::Upstream source, ports::ReportProgress report,
                                       CloneOptions options) override;
  base::Task<base::Result<void>> start(StartOptions options) override;
  base::Task<base::Result<void>> stop(ports::StopMode mode, base::Instant deadline) override;
  base::Task<base::Result<void>> promote() override;
  base::Task<base::Result<void>> rewind(ha::Upstream source, ports::ReportProgress report) override;

  base::Task<base::Result<void>> confirm_bootstrap() override;
  base::Task<base::Result<void>> follow(std::optional<ha::Upstream> upstream,
                                        base::Instant deadline) override;
  base::Task<base::Result<void>> set_synchronous_standby_names(std::string value,
                                                               base::Instant deadline) override;
  base::Task<base::Result<void>> configure(patroni::PostgresSettings settings,
                                           base::Instant deadline) override;
  void call_back(ha::Callback) override {}
  void reload_config(patroni::NodeConfig config) override;
  base::Task<base::Result<void>> remember_dynamic_config(std::string json) override;
  base::Task<base::Result<void>> create_slot(std::string name, ha::NewSlot slot,
                                             base::Instant deadline) override;
  base::Task<base::Result<void>> drop_slot(std::string name, base::Instant deadline) override;
  base::Task<base::Result<void>> move_slot(std::string name, ha::SlotMove move,
                                           base::Instant deadline) override;
  base::Task<base::Result<std::vector<ha::SlotFile>>> fetch_slots(ha::Upstream leader,
                                                                  std::set<std::string> names,
                                                                  base::Instant deadline) override;
  base::Task<base::Result<void>> place_slots(std::vector<ha::SlotFile> files) override;
  base::Task<base::Result<void>> checkpoint(base::Instant deadline) override;
  base::Task<base::Result<void>> archive_end_of_wal() override;
  base::Task<base::Result<ha::UpstreamTimeline>> inspect(ha::Upstream upstream,
                                                         base::Instant deadline) override;
  base::Task<base::Result<pg::Lsn>> end_of_wal(base::Instant deadline) override;
  base::Task<base::Result<pg::TimelineHistory>> own_history(base::Instant deadline) override;

 private:
  bool answers() const;
  base::Task<void> work(Duration shortest, Duration longest);
  bool job_fails();
  base::Task<base::Result<void>> sql(std::string what, base::Instant deadline);
  base::Task<base::Result<void>> started();
  base::Task<base::Result<void>> copy_from(Host& source, Duration at_least);
  base::Result<Host*> find_source(const ha::Upstream& source);
  ha::Instance look() const;
  ha::ServerStatus status_of(const Server& server) const;
  std::vector<ha::Slot> slots_of(const Server& server) const;
  void single_user_recovery();

  Site& site_;
  Host& host_;
  Loop& loop_;
  base::Random chance_;
  base::Event ended_;
  std::weak_ptr<Server> told_to_stop_;
};

}  // namespace holdfast::sim
