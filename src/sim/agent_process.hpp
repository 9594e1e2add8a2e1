// One incarnation of the agent on a host: the real Agent on virtual ports. Destroying it is kill -9.
#pragma once

#include <functional>
#include <optional>

#include "agent/agent.hpp"
#include "sim/dcs.hpp"
#include "sim/host.hpp"
#include "sim/loop.hpp"
#include "sim/peers.hpp"
#include "sim/postgres.hpp"
#include "sim/watchdog.hpp"

namespace holdfast::sim {

class AgentProcess final : private agent::Observer {
 public:
  using OnDecision = std::function<void(const Host&, const ha::Situation&, const ha::Decision&)>;

  AgentProcess(Site& site, Etcd& etcd, Host& host, patroni::NodeConfig config,
               std::span<const ha::Rule> rules, OnDecision on_decision);
  ~AgentProcess() override;

  void request_stop() { agent_.request_stop(); }
  // As over REST; whether the agent takes it.
  bool ask_for_restart();
  bool ask_for_reinitialize(bool force);
  std::optional<agent::ExitReason> exited() const { return exited_; }
  Moment started() const { return started_; }
  const agent::Agent& agent() const { return agent_; }

 private:
  base::Task<void> run();
  base::Task<void> confirm(ha::FailsafeRequest request, Host::FailsafeReplied replied);
  void decided(const ha::Situation& situation, const ha::Decision& decision) override;

  Host& host_;
  OnDecision on_decision_;
  Moment started_;
  std::optional<agent::ExitReason> exited_;
  Loop loop_;
  Dcs dcs_;
  Postgres postgres_;
  Peers peers_;
  Watchdog watchdog_;
  agent::Agent agent_;
  base::TaskGroup tasks_;
};

}  // namespace holdfast::sim
