// What a takeover does to this machine: finds, stops and starts agents.
#pragma once

#include "ctl/takeover.hpp"

namespace holdfast {

class LocalTakeoverHost : public ctl::TakeoverHost {
 public:
  // `config_file` as an absolute path; `our_unit` is the systemd unit of our agent.
  LocalTakeoverHost(net::Runtime& runtime, std::string config_file, std::string data_dir,
                    std::string our_unit)
      : runtime_(runtime),
        config_file_(std::move(config_file)),
        data_dir_(std::move(data_dir)),
        our_unit_(std::move(our_unit)) {}

  base::Result<std::optional<ctl::AgentProcess>> agent_at(std::uint16_t port) override;
  std::optional<ctl::PostmasterProcess> postmaster_of(const std::string& data_dir) override;
  base::Task<base::Result<void>> stop(ctl::AgentProcess agent, base::Instant deadline) override;
  base::Result<void> start(const ctl::AgentProcess& agent) override;
  ctl::AgentProcess ours_instead_of(const ctl::AgentProcess& former) override;
  base::Result<void> keep_record(const ctl::AgentProcess& patroni) override;
  base::Result<ctl::AgentProcess> read_record() override;

 private:
  std::string record_path() const;

  net::Runtime& runtime_;
  std::string config_file_, data_dir_, our_unit_;
};

}  // namespace holdfast
