#include "sim/cluster.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <utility>

#include "ha/control.hpp"
#include "ha/rules.hpp"
#include "patroni/dcs_values.hpp"

namespace holdfast::sim {
namespace {

constexpr Duration kBurialRound = 100ms;
constexpr Duration kBootTime = 10s;  // after a reset

constexpr auto kLogicalSlot = "log";

boost::json::object slots_of(const Scenario& scenario) {
  if (!scenario.logical_slot) return {};
  return {{kLogicalSlot, {{"database", "postgres"}, {"plugin", "test_decoding"}}}};
}

// What a node that may become leader must have, so that nobody misses WAL after the next failover.
std::string missing_slot(const Site& site, const Scenario& scenario, const Host& host) {
  if (host.name[0] - 'a' == scenario.nofailover) return "";
  for (const auto& other : site.hosts)
    if (other.get() != &host && !host.data.slots.contains(other->name)) return other->name;
  return scenario.logical_slot && !host.data.slots.contains(kLogicalSlot) ? kLogicalSlot : "";
}

boost::json::object dynamic_config(const Scenario& scenario, const SyncMode& sync) {
  return {{"ttl", scenario.ttl},
          {"slots", slots_of(scenario)},
          {"loop_wait", scenario.loop_wait},
          {"retry_timeout", scenario.retry_timeout},
          {"maximum_lag_on_failover", scenario.maximum_lag},
          {"primary_start_timeout", scenario.start_timeout},
          {"primary_stop_timeout", scenario.stop_timeout},
          {"synchronous_mode",
           sync.quorum ? boost::json::value("quorum") : boost::json::value(scenario.synchronous)},
          {"synchronous_mode_strict", sync.strict},
          {"synchronous_node_count", sync.nodes},
          {"failsafe_mode", scenario.failsafe},
          {"postgresql", {{"use_pg_rewind", scenario.use_rewind}, {"use_slots", true}}}};
}

// While the cluster is paused nobody leads by himself: only who is primary already, or whom a person named.
// And nobody starts what a person stopped.
std::optional<std::string> meddles_in_pause(const ha::Situation& s, const ha::Decision& decision) {
  if (std::holds_alternative<ha::AcquireLeaderKey>(decision.action) && !ha::runs_primary(s.local) &&
      s.cluster->failover.value_or(ha::FailoverRequest{}).candidate != s.local.name)
    return "no primary, and not named, but it takes the leader key";
  if (std::holds_alternative<ha::StartPostgres>(decision.action) && !s.local.memory.owes_start &&
      !s.local.requests.restart)
    return "it starts PostgreSQL, though nobody asked";
  if (std::holds_alternative<ha::StopPostgres>(decision.action) && ha::runs_primary(s.local) &&
      !s.cluster->failover && !s.local.requests.reinitialize && decision.rule != "leader.give_up_promotion")
    return "it stops a primary, though nobody asked";
  return std::nullopt;
}

}  // namespace

Cluster::Cluster(const Scenario& scenario, std::span<const ha::Rule> rules, Story::Reader reader)
    : scenario_(scenario),
      sync_mode_{scenario.quorum, scenario.strict, scenario.synchronous_nodes},
      physics_(scenario.seed),
      judge_(physics_.story),
      etcd_(physics_),
      site_(physics_, judge_),
      chance_(physics_.chance.fork()),
      rules_(rules) {
  wish_.ttl = granted_.ttl = scenario.ttl;
  physics_.story.read_by(std::move(reader));
  physics_.story.tell("seed", "{}: {}", scenario.seed, to_string(scenario));
  const auto uptime = [this](const Host& host) -> std::optional<Duration> {
    const auto& its = node(host);
    if (!its.agent || host.agent_gate.frozen()) return std::nullopt;
    return now() - std::max(its.in_charge_since, its.agent->started());
  };
  judge_.preside(std::make_unique<Facts>(Facts{scenario_, site_, etcd_, uptime, {}, {}, {}}));
  etcd_.on_change([this](const auto& event) { judge_.etcd_changed(event); });
  for (std::size_t i = 0; i < scenario.nodes; ++i) {
    auto& host = *site_.hosts.emplace_back(
        std::make_unique<Host>(physics_, std::string(1, static_cast<char>('a' + i))));
    host.clock.origin = base::Instant(chance_.between(Duration(10s), Duration(24h)));
    host.clock.drift_ppm = chance_.between(-300, 300);
    host.watchdog.present = scenario.watchdog;
    if (scenario.slow_archiver) host.longest_archiving = 20s;
    host.watchdog.reset = [this, &host] { reset_by_watchdog(host); };
    nodes_[&host];
    start_agent(host);
  }
  for (int number = 1; number <= 3; ++number) {
    auto* stuck_to = number == 3 ? site_.hosts[chance_.below(scenario.nodes)].get() : nullptr;
    clients_.push_back(std::make_unique<Client>(site_, etcd_, judge_, number, stuck_to));
  }
  burial_ = physics_.time.after(kBurialRound, [this] { bury_agents(); });
}

bool Cluster::run_for(Duration time) {
  const auto end = now() + time;
  while (!judge_.violation() && !judge_.forked() && physics_.time.run_one(end)) {
  }
  return !judge_.violation() && !judge_.forked();
}

patroni::NodeConfig Cluster::config_of(const Host& host) const {
  patroni::NodeConfig config;
  config.scope = "sim";
  config.name = host.name;
  config.restapi.connect_address = host.name + ":8008";
  config.postgresql.connect_address = host.name + ":5432";
  config.bootstrap.dcs = dynamic_config(scenario_, sync_mode_);
  using WatchdogMode = patroni::WatchdogConfig::Mode;
  config.watchdog.mode = scenario_.watchdog ? WatchdogMode::required : WatchdogMode::off;
  const auto index = host.name[0] - 'a';
  if (index == scenario_.nofailover) {
    config.tags.nofailover = true;
    config.tags_json["nofailover"] = true;
  }
  if (index == scenario_.preferred) {
    config.tags.failover_priority = 5;
    config.tags_json["failover_priority"] = 5;
  }
  return config;
}

// Decisions are part of the fingerprint; people are told when they change.
void Cluster::decided(const Host& host, const ha::Situation& situation, const ha::Decision& decision) {
  if (ha::paused(situation)) {
    // Whoever leaves a primary alone because the cluster is paused is not in charge of it.
    node(host).in_charge_since = now();
    if (auto wrong = meddles_in_pause(situation, decision))
      judge_.report("hands off in pause", fmt::format("{}: {}", host.name, *wrong));
  }
  const auto found = decisions_.find(decision.rule);
  found == decisions_.end() ? void(decisions_.emplace(decision.rule, 1)) : void(++found->second);
  physics_.story.note(host.name);
  physics_.story.note(decision.rule);
  if (!physics_.story.has_reader()) return;
  auto told = fmt::format("[{}] {}", decision.rule, ha::to_string(decision.action));
  auto& last = node(host).last_told;
  if (told == last || decision.rule == "lease.renew") return;
  physics_.story.remark(host.name, "{}: {}", told, decision.reason);
  last = std::move(told);
}

void Cluster::start_agent(Host& host) {
  auto& its = node(host);
  if (its.agent || !host.powered || its.held_down) return;
  its.restart.cancel();
  physics_.story.tell(host.name, "the agent starts");
  its.agent =
      std::make_unique<AgentProcess>(site_, etcd_, host, config_of(host), rules_,
                                     [this](const Host& who, const auto& situation, const auto& decision) {
                                       decided(who, situation, decision);
                                     });
}

void Cluster::restart_soon(Host& host) {
  node(host).restart = physics_.time.after(chance_.between(Duration(100ms), Duration(2s)),
                                           [this, &host] { start_agent(host); });
}

void Cluster::kill_agent(Host& host) {
  if (!node(host).agent) return;
  physics_.story.tell(host.name, "the agent is killed");
  node(host).agent.reset();
  restart_soon(host);
}

void Cluster::stop_agent(Host& host) {
  if (!node(host).agent) return;
  physics_.story.tell(host.name, "the agent is asked to stop");
  node(host).agent->request_stop();
}

void Cluster::let_up(Host& host) {
  node(host).held_down = false;
  start_agent(host);
}

void Cluster::bury_agents() {
  for (const auto& host : site_.hosts) {
    auto& its = node(*host);
    if (!its.agent || !its.agent->exited()) continue;
    const bool refused = *its.agent->exited() == agent::ExitReason::refused;
    physics_.story.tell(host->name, "the agent has ended: {}", refused ? "it refuses" : "as asked");
    its.agent.reset();
    restart_soon(*host);
  }
  grant_wish();
  burial_ = physics_.time.after(kBurialRound, [this] { bury_agents(); });
}

void Cluster::freeze_agent(Host& host) { host.agent_gate.freeze(); }

void Cluster::thaw_agent(Host& host) {
  host.agent_gate.thaw();
  node(host).in_charge_since = now();
}

void Cluster::cut_power(Host& host) {
  node(host).agent.reset();
  node(host).restart.cancel();
  host.powered = false;
  host.watchdog.fires.cancel();
  if (const auto server = host.server) server->crash(true);
}

void Cluster::reset_by_watchdog(Host& host) {
  if (!host.powered) return;
  physics_.story.tell(host.name, "the watchdog resets the host");
  cut_power(host);
  node(host).boot = physics_.time.after(kBootTime, [this, &host] { restore_power(host); });
}

void Cluster::restore_power(Host& host) {
  if (host.powered) return;
  host.powered = true;
  host.clock.booted = now();
  host.clock.origin = base::Instant(chance_.between(Duration(2s), Duration(20s)));
  restart_soon(host);
}

void Cluster::ask_for_failover(std::string leader, std::string candidate) {
  ha::FailoverRequest request;
  if (!leader.empty()) request.leader = std::move(leader);
  if (!candidate.empty()) request.candidate = std::move(candidate);
  if (etcd_.has_quorum())
    (void)etcd_.commit({{}, {ports::Put{"/service/sim/failover", patroni::write_failover(request)}}});
}

bool Cluster::ask_for_restart(Host& host) {
  const auto& agent = node(host).agent;
  return agent && !agent->exited() && !host.agent_gate.frozen() && agent->ask_for_restart();
}

bool Cluster::ask_for_reinitialize(Host& host, bool force) {
  const auto& agent = node(host).agent;
  return agent && !agent->exited() && !host.agent_gate.frozen() && agent->ask_for_reinitialize(force);
}

void Cluster::pause(bool wanted) {
  wish_.pause = wanted;
  grant_wish();
}

void Cluster::set_ttl(int seconds) {
  wish_.ttl = seconds;
  grant_wish();
}

boost::json::object Cluster::config_with(const SyncMode& mode, const Wish& wish) const {
  auto config = dynamic_config(scenario_, mode);
  config["ttl"] = wish.ttl;
  if (wish.pause) config["pause"] = true;
  return config;
}

void Cluster::grant_wish() {
  if (granted_ == wish_ || !etcd_.has_quorum() || etcd_.get("/service/sim/config") == nullptr) return;
  const auto config = config_with(sync_mode_, wish_);
  if (etcd_.commit({{}, {ports::Put{"/service/sim/config", patroni::write_config(config)}}}))
    granted_ = wish_;
}

void Cluster::set_sync_mode(SyncMode mode) {
  if (!etcd_.has_quorum() || etcd_.get("/service/sim/config") == nullptr) return;
  const auto config = config_with(mode, granted_);
  if (etcd_.commit({{}, {ports::Put{"/service/sim/config", patroni::write_config(config)}}}))
    sync_mode_ = mode;
}

std::string Cluster::what_is_missing_of_sync(const Host& leader) const {
  const auto sync = const_cast<Judge&>(judge_).facts().sync_state();
  if (!sync || sync->leader != leader.name) return "the synchronous set is not the leader's";
  const auto others = static_cast<int>(hosts()) - 1;
  const bool excluded = scenario_.nofailover >= 0 && leader.name[0] - 'a' != scenario_.nofailover;
  // With a quorum, all that may be elected; who may not is counted only when there are too few others.
  const int wanted = sync_mode_.quorum
                         ? std::max(others - (excluded ? 1 : 0), std::min(others, sync_mode_.nodes))
                         : std::min(others, sync_mode_.nodes);
  const int quorum = wanted - std::min(wanted, sync_mode_.nodes);
  if (static_cast<int>(sync->standbys.size()) != wanted)
    return fmt::format("{} of {} synchronous standbys", sync->standbys.size(), wanted);
  if (sync->quorum != quorum) return fmt::format("the quorum is {} and not {}", sync->quorum, quorum);
  return leader.server->could_acknowledge() ? "" : "commits cannot be acknowledged";
}

std::string Cluster::what_is_missing() const {
  const auto& facts = const_cast<Judge&>(judge_).facts();
  const auto* leader = site_.find(facts.leader());
  if (leader == nullptr) return "there is no leader";
  if (!leader->server || !leader->server->accepts_writes())
    return fmt::format("leader {} does not accept writes", leader->name);
  for (const auto& host : site_.hosts) {
    if (host.get() == leader) continue;
    if (!host->server || !host->server->ready() || !host->server->in_recovery() || !host->server->receives())
      return fmt::format("{} does not stream", host->name);
    if (host->data.upstream->name != leader->name)
      return fmt::format("{} streams from {}", host->name, host->data.upstream->name);
    if (host->data.wal.common_end(leader->data.wal) != host->data.wal.end())
      return fmt::format("{} has other WAL", host->name);
    if (const auto slot = missing_slot(site_, scenario_, *host); !slot.empty())
      return fmt::format("{} lacks slot {}", host->name, slot);
  }
  if (auto left = what_is_not_put_in_order(*leader); !left.empty()) return left;
  return scenario_.synchronous ? what_is_missing_of_sync(*leader) : "";
}

// What nothing depends on at once, and others rely on later.
std::string Cluster::what_is_not_put_in_order(const Host& leader) const {
  if (etcd_.get("/service/sim/failover") != nullptr) return "a request to hand over is still there";
  const auto& data = leader.data;
  if (data.checkpoint_timeline != data.wal.last().timeline)
    return "there was no checkpoint after the promotion";
  const auto* history = etcd_.get("/service/sim/history");
  const auto entries =
      history == nullptr ? std::nullopt : std::optional(patroni::parse_history(history->value));
  const bool recorded = entries && *entries && !(*entries)->empty() && !data.history.empty() &&
                        (*entries)->back().timeline == data.history.back().timeline;
  if (!data.history.empty() && !recorded) return "/history lacks the last timeline";
  const auto* failsafe = etcd_.get("/service/sim/failsafe");
  for (const auto& host : site_.hosts) {
    if (scenario_.failsafe &&
        (failsafe == nullptr || !failsafe->value.contains(fmt::format("\"{}\"", host->name))))
      return fmt::format("/failsafe lacks {}", host->name);
    if (host.get() == &leader) continue;
    if (host->watchdog.fires.pending()) return fmt::format("the watchdog of {} still runs", host->name);
    if (!host->data.sync_names.empty())
      return fmt::format("{} would wait for {} as primary", host->name, host->data.sync_names);
  }
  return "";
}

}  // namespace holdfast::sim
