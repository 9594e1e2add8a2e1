// A whole cluster in one thread: hosts with PostgreSQL and agents, etcd, clients, and the judge.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/agent_process.hpp"
#include "sim/clients.hpp"
#include "sim/etcd.hpp"
#include "sim/host.hpp"
#include "sim/invariants.hpp"
#include "sim/physics.hpp"
#include "sim/scenario.hpp"

namespace holdfast::sim {

class Cluster {
 public:
  Cluster(const Scenario& scenario, std::span<const ha::Rule> rules, Story::Reader reader = {});

  const Scenario& scenario() const { return scenario_; }
  Physics& physics() { return physics_; }
  Etcd& etcd() { return etcd_; }
  Judge& judge() { return judge_; }
  Site& site() { return site_; }
  Host& host(std::size_t index) { return *site_.hosts[index]; }
  std::size_t hosts() const { return site_.hosts.size(); }
  const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }
  const std::map<std::string, std::uint64_t, std::less<>>& decisions() const { return decisions_; }

  // Lets virtual time pass, unless an invariant breaks before. Says whether all is well.
  bool run_for(Duration time);
  Moment now() const { return physics_.time.now(); }

  // What a person, an init system or an accident does.
  // ---------------------------------------------------------------
  void start_agent(Host& host);
  void kill_agent(Host& host);  // kill -9; an init system starts it again soon unless told otherwise
  void stop_agent(Host& host);  // SIGTERM
  void hold_down(Host& host) { node(host).held_down = true; }
  void let_up(Host& host);
  void freeze_agent(Host& host);
  void thaw_agent(Host& host);
  void cut_power(Host& host);
  void restore_power(Host& host);
  void ask_for_failover(std::string leader, std::string candidate);
  // Whether the agent takes it.
  bool ask_for_restart(Host& host);
  bool ask_for_reinitialize(Host& host, bool force);
  // Written into etcd as soon as that can be.
  void pause(bool wanted);
  void set_ttl(int seconds);
  void set_sync_mode(SyncMode mode);

  bool agent_runs(const Host& host) const { return node(host).agent != nullptr; }
  // Nothing when the cluster is whole: one leader, all others stream from it, and the synchronous set is
  // full.
  std::string what_is_missing() const;

 private:
  struct Node {
    std::unique_ptr<AgentProcess> agent;
    Timer restart;
    Timer boot;
    bool held_down = false;
    Moment in_charge_since{};
    std::string last_told;
  };
  Node& node(const Host& host) { return nodes_.at(&host); }
  const Node& node(const Host& host) const { return nodes_.at(&host); }
  patroni::NodeConfig config_of(const Host& host) const;
  void decided(const Host& host, const ha::Situation& situation, const ha::Decision& decision);
  void restart_soon(Host& host);
  // What a person wants of the dynamic configuration, beside how commits are confirmed.
  struct Wish {
    bool pause = false;
    int ttl = 0;
    bool operator==(const Wish&) const = default;
  };
  void grant_wish();
  boost::json::object config_with(const SyncMode& mode, const Wish& wish) const;
  std::string what_is_missing_of_sync(const Host& leader) const;
  std::string what_is_not_put_in_order(const Host& leader) const;
  void reset_by_watchdog(Host& host);
  void bury_agents();  // those that have ended by themselves

  Scenario scenario_;
  SyncMode sync_mode_;
  Physics physics_;
  Judge judge_;
  Etcd etcd_;
  Site site_;
  base::Random chance_;
  std::span<const ha::Rule> rules_;
  std::map<const Host*, Node> nodes_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::map<std::string, std::uint64_t, std::less<>> decisions_;
  Timer burial_;
  Wish wish_, granted_;
};

}  // namespace holdfast::sim
