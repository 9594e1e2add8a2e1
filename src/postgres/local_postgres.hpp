// ports::Postgres on a PostgreSQL 15 of this machine.
#pragma once

#include <memory>
#include <string>

#include "ports/postgres.hpp"

namespace holdfast::net {
class Runtime;
}

namespace holdfast::postgres {

class LocalPostgres final : public ports::Postgres {
 public:
  // invalid: PostgreSQL's programs are not there, are of another version, or their user cannot reach the data
  // directory; the message says which key or package mends it. The runtime must outlive it. Destroying it
  // leaves the server running; a later one adopts it.
  static base::Task<base::Result<std::unique_ptr<LocalPostgres>>> open(net::Runtime& runtime,
                                                                       patroni::NodeConfig config);
  ~LocalPostgres() override;

  base::Task<ha::Instance> observe(base::Instant deadline) override;
  base::Event& ended() override;

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
  void call_back(ha::Callback callback) override;
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
  struct Parts;
  explicit LocalPostgres(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast::postgres
