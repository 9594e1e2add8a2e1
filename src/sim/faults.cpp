#include "sim/faults.hpp"

#include <utility>

namespace holdfast::sim {

Faults::Faults(Cluster& cluster)
    : cluster_(cluster),
      chance_(cluster.physics().chance.fork()),
      kinds_(cluster.scenario().faults.begin(), cluster.scenario().faults.end()) {}

void Faults::begin() {
  if (!kinds_.empty()) plan_next();
}

void Faults::plan_next() {
  const auto calm = cluster_.scenario().calm_between_faults;
  next_ = cluster_.physics().time.after(chance_.between(Duration(10ms), calm * 2), [this] {
    strike();
    // Troubles come together.
    while (chance_.chance(0.3)) strike();
    plan_next();
  });
}

void Faults::strike() {
  const auto kind = kinds_[chance_.below(kinds_.size())];
  auto effect = apply(kind);
  if (effect.what.empty()) return;
  if (!effect.end) {
    cluster_.physics().story.tell("fault", "{}", effect.what);
    return;
  }
  const bool brief = chance_.chance(0.4);
  const auto length =
      chance_.between(Duration(50ms), brief ? Duration(2s) : cluster_.scenario().longest_fault);
  cluster_.physics().story.tell("fault", "{} for {}", effect.what, base::to_string(length));
  auto& lasting = lasting_.emplace_back();
  lasting.end = std::move(effect.end);
  lasting.until =
      cluster_.physics().time.after(length, [this, self = std::prev(lasting_.end()), what = effect.what] {
        cluster_.physics().story.tell("fault", "{}: over", what);
        auto over = std::move(*self);
        lasting_.erase(self);
        over.end();
      });
}

void Faults::heal() {
  next_.cancel();
  for (auto& lasting : std::exchange(lasting_, {})) lasting.end();
  cluster_.physics().network.heal();
  for (std::size_t i = 0; i < cluster_.hosts(); ++i) cluster_.host(i).trouble = {};
  cluster_.etcd().trouble = {};
  cluster_.physics().story.tell("fault", "everything is healed");
}

Host& Faults::victim() {
  // Faults are most interesting where the leader is.
  auto* leader = cluster_.site().find(cluster_.judge().facts().leader());
  if (leader != nullptr && chance_.chance(0.4)) return *leader;
  return cluster_.host(chance_.below(cluster_.hosts()));
}

Faults::Effect Faults::apply(FaultKind kind) {
  if (kind <= FaultKind::postgres_frozen) return on_process(kind, victim());
  if (kind <= FaultKind::host_frozen) return on_host(kind, victim());
  if (kind <= FaultKind::lossy_link) return on_network(kind, victim());
  if (kind <= FaultKind::lease_lost) return on_etcd(kind);
  if (kind == FaultKind::watchdog_lost) return on_host(kind, victim());
  if (kind >= FaultKind::failover_asked) return by_a_person(kind, victim());
  return on_host(kind, victim());
}

Faults::Effect Faults::on_process(FaultKind kind, Host& host) {
  auto* cluster = &cluster_;
  auto* target = &host;
  switch (kind) {
    case FaultKind::agent_killed:
      if (!cluster_.agent_runs(host)) return {};
      if (chance_.chance(0.5)) {
        cluster_.kill_agent(host);
        return {fmt::format("the agent of {} dies", host.name), {}};
      }
      cluster_.hold_down(host);
      cluster_.kill_agent(host);
      return {fmt::format("the agent of {} is down", host.name), [=] { cluster->let_up(*target); }};
    case FaultKind::agent_frozen:
      cluster_.freeze_agent(host);
      return {fmt::format("the agent of {} is frozen", host.name), [=] { cluster->thaw_agent(*target); }};
    case FaultKind::agent_stopped:
      if (!cluster_.agent_runs(host)) return {};
      cluster_.stop_agent(host);
      return {fmt::format("the agent of {} is stopped", host.name), {}};
    case FaultKind::postgres_crashed:
      if (!host.server) return {};
      host.server->crash();
      return {fmt::format("the postmaster of {} dies", host.name), {}};
    case FaultKind::postgres_frozen:
      host.postgres_gate.freeze();
      return {fmt::format("PostgreSQL of {} is frozen", host.name), [=] { target->postgres_gate.thaw(); }};
    default:
      return {};
  }
}

Faults::Effect Faults::on_host(FaultKind kind, Host& host) {
  auto* cluster = &cluster_;
  auto* target = &host;
  switch (kind) {
    case FaultKind::host_crashed:
      if (!host.powered) return {};
      cluster_.cut_power(host);
      return {fmt::format("{} has no power", host.name), [=] { cluster->restore_power(*target); }};
    case FaultKind::host_frozen:
      host.postgres_gate.freeze();
      cluster_.freeze_agent(host);
      return {fmt::format("{} is frozen", host.name), [=] {
                target->postgres_gate.thaw();
                cluster->thaw_agent(*target);
              }};
    case FaultKind::calendar_jump: {
      const auto jump = chance_.between(Duration(-2h), Duration(2h));
      host.clock.calendar_error += jump;
      return {fmt::format("the calendar of {} jumps by {}", host.name, base::to_string(jump)), {}};
    }
    case FaultKind::disk_full:
      host.trouble.disk_full = true;
      return {fmt::format("the disk of {} is full", host.name), [=] { target->trouble.disk_full = false; }};
    case FaultKind::slow_host:
      host.trouble.slowness = static_cast<double>(chance_.between(3, 30));
      return {fmt::format("{} is {} times slower", host.name, host.trouble.slowness),
              [=] { target->trouble.slowness = 1; }};
    case FaultKind::promote_stuck:
      host.trouble.promote_stuck = true;
      return {fmt::format("promotions of {} do not end", host.name),
              [=] { target->trouble.promote_stuck = false; }};
    case FaultKind::replay_paused:
      host.trouble.replay_paused = true;
      return {fmt::format("{} replays nothing", host.name), [=] { target->trouble.replay_paused = false; }};
    case FaultKind::watchdog_lost:
      host.watchdog.present = false;
      return {fmt::format("{} has no watchdog", host.name), [=] { target->watchdog.present = true; }};
    case FaultKind::jobs_fail:
      host.trouble.job_fails = 0.5;
      return {fmt::format("half of the jobs of {} fail", host.name), [=] { target->trouble.job_fails = 0; }};
    default:
      return {};
  }
}

Faults::Effect Faults::by_a_person(FaultKind kind, Host& host) {
  switch (kind) {
    case FaultKind::failover_asked: {
      const auto leader = cluster_.judge().facts().leader();
      if (leader.empty()) return {};
      const auto candidate = chance_.chance(0.3) ? std::string() : host.name;
      cluster_.ask_for_failover(candidate.empty() || chance_.chance(0.7) ? leader : "", candidate);
      return {
          fmt::format("a person asks {} to hand over to {}", leader, candidate.empty() ? "any" : candidate),
          {}};
    }
    case FaultKind::restart_asked:
      if (!cluster_.ask_for_restart(host)) return {};
      return {fmt::format("a person restarts PostgreSQL of {}", host.name), {}};
    case FaultKind::reinitialize_asked:
      if (!cluster_.ask_for_reinitialize(host, chance_.chance(0.5))) return {};
      return {fmt::format("a person reinitializes {}", host.name), {}};
    case FaultKind::paused:
      cluster_.pause(true);
      return {"the cluster is paused", [cluster = &cluster_] { cluster->pause(false); }};
    case FaultKind::ttl_changed: {
      const auto ttl = cluster_.scenario().ttl;
      const auto other = std::max(3, chance_.chance(0.5) ? ttl / 2 : ttl + ttl / 2);
      cluster_.set_ttl(other);
      return {fmt::format("ttl is {} s", other), [cluster = &cluster_, ttl] { cluster->set_ttl(ttl); }};
    }
    case FaultKind::sync_mode_changed: {
      SyncMode mode{chance_.chance(0.6), chance_.chance(0.3), chance_.chance(0.4) ? 2 : 1};
      cluster_.set_sync_mode(mode);
      return {fmt::format("a person sets synchronous_mode {}, {} nodes{}", mode.quorum ? "quorum" : "on",
                          mode.nodes, mode.strict ? ", strict" : ""),
              {}};
    }
    default:
      return {};
  }
}

Faults::Effect Faults::on_network(FaultKind kind, Host& host) {
  const auto etcd = cluster_.etcd().place();
  const auto& other = cluster_.host(chance_.below(cluster_.hosts()));
  const auto there = chance_.chance(0.5) || &other == &host ? etcd : other.place;
  const auto where = there == etcd ? std::string("etcd") : other.name;
  switch (kind) {
    case FaultKind::host_isolated: {
      std::vector<std::pair<Place, Place>> links;
      for (Place place = 0; place < cluster_.physics().network.places(); ++place) {
        links.emplace_back(host.place, place);
        links.emplace_back(place, host.place);
      }
      return cut(std::move(links), fmt::format("{} is isolated", host.name));
    }
    case FaultKind::etcd_cut_off:
      return cut({{host.place, etcd}, {etcd, host.place}}, fmt::format("{} cannot reach etcd", host.name));
    case FaultKind::hosts_cut_off:
      if (&other == &host) return {};
      return cut({{host.place, other.place}, {other.place, host.place}},
                 fmt::format("{} and {} cannot reach each other", host.name, other.name));
    case FaultKind::one_way_cut:
      if (chance_.chance(0.5))
        return cut({{host.place, there}}, fmt::format("nothing goes from {} to {}", host.name, where));
      return cut({{there, host.place}}, fmt::format("nothing goes from {} to {}", where, host.name));
    case FaultKind::slow_link: {
      const auto delay = chance_.between(Duration(20ms), Duration(3s));
      return worsen(host.place, there, {.shortest = delay / 4, .longest = delay},
                    fmt::format("{} and {} are {} apart", host.name, where, base::to_string(delay)));
    }
    case FaultKind::lossy_link:
      return worsen(host.place, there, {.loss = 0.1 * static_cast<double>(chance_.between(1, 7))},
                    fmt::format("packets are lost between {} and {}", host.name, where));
    default:
      return {};
  }
}

// What ends a cut heals these links whoever else has cut them: a fault within a fault.
Faults::Effect Faults::cut(std::vector<std::pair<Place, Place>> links, std::string what) {
  auto* network = &cluster_.physics().network;
  for (const auto& [from, to] : links) network->link(from, to).cut = true;
  return {std::move(what), [network, links] {
            for (const auto& [from, to] : links) network->link(from, to).cut = false;
          }};
}

Faults::Effect Faults::worsen(Place a, Place b, Link to, std::string what) {
  auto* network = &cluster_.physics().network;
  for (auto* link : {&network->link(a, b), &network->link(b, a)}) {
    to.cut = link->cut;
    *link = to;
  }
  return {std::move(what), [network, a, b] {
            for (auto* link : {&network->link(a, b), &network->link(b, a)}) *link = {.cut = link->cut};
          }};
}

Faults::Effect Faults::on_etcd(FaultKind kind) {
  auto* etcd = &cluster_.etcd();
  switch (kind) {
    case FaultKind::etcd_down:
      if (!etcd->has_quorum()) return {};
      etcd->lose_quorum();
      return {"etcd has no quorum", [etcd] { etcd->elect(); }};
    case FaultKind::etcd_election:
      if (!etcd->has_quorum()) return {};
      etcd->lose_quorum();
      return {"etcd elects another leader", [etcd] { etcd->elect(); }};
    case FaultKind::etcd_slow:
      etcd->trouble.slow = chance_.between(Duration(50ms), Duration(4s));
      return {fmt::format("etcd needs up to {}", base::to_string(etcd->trouble.slow)),
              [etcd] { etcd->trouble.slow = {}; }};
    case FaultKind::etcd_answers_lost:
      etcd->trouble.answer_lost = 0.3;
      return {"answers of etcd are lost", [etcd] { etcd->trouble.answer_lost = 0; }};
    case FaultKind::etcd_stale:
      etcd->trouble.stale = 0.5;
      return {"a member of etcd is stale", [etcd] { etcd->trouble.stale = 0; }};
    case FaultKind::etcd_compacted:
      etcd->compact();
      return {"etcd compacts its history", {}};
    case FaultKind::lease_lost:
      etcd->lose_leases("/service/sim/leader");
      cluster_.judge().facts().promise_broken_until =
          cluster_.now() + std::chrono::seconds(cluster_.scenario().ttl);
      return {"the lease of the leader key is lost", {}};
    default:
      return {};
  }
}

}  // namespace holdfast::sim
