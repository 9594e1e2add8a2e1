#include "sim/agent_process.hpp"

#include <utility>

namespace holdfast::sim {

AgentProcess::AgentProcess(Site& site, Etcd& etcd, Host& host, patroni::NodeConfig config,
                           std::span<const ha::Rule> rules, OnDecision on_decision)
    : host_(host),
      on_decision_(std::move(on_decision)),
      started_(site.physics.time.now()),
      loop_(site.physics.time, host.agent_gate, host.clock),
      dcs_(site.physics, etcd, loop_, host.place),
      postgres_(site, host, loop_),
      peers_(site, host, loop_),
      watchdog_(site, host),
      agent_({loop_, dcs_, postgres_, peers_, watchdog_}, std::move(config), this, rules),
      tasks_(loop_) {
  host_.rest_api = [this] { return agent_.peer_status(); };
  host_.failsafe_api = [this](ha::FailsafeRequest request, Host::FailsafeReplied replied) {
    tasks_.spawn(confirm(std::move(request), std::move(replied)));
  };
  tasks_.spawn(run());
}

AgentProcess::~AgentProcess() {
  host_.rest_api = nullptr;
  host_.failsafe_api = nullptr;
}

base::Task<void> AgentProcess::confirm(ha::FailsafeRequest request, Host::FailsafeReplied replied) {
  auto reply = co_await agent_.answer_failsafe(std::move(request));
  if (reply)
    replied(std::move(*reply));
  else
    replied(base::fail(base::ErrorKind::refused, "failsafe mode is off at {}", host_.name));
}

bool AgentProcess::ask_for_restart() {
  const bool taken = !agent_.commands().ask_restart({});
  if (taken) agent_.wake();
  return taken;
}

bool AgentProcess::ask_for_reinitialize(bool force) {
  const bool taken = !agent_.commands().ask_reinitialize({.force = force});
  if (taken) agent_.wake();
  return taken;
}

base::Task<void> AgentProcess::run() { exited_ = co_await agent_.run(); }

void AgentProcess::decided(const ha::Situation& situation, const ha::Decision& decision) {
  on_decision_(host_, situation, decision);
}

}  // namespace holdfast::sim
