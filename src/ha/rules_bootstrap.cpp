#include <fmt/format.h>

#include "ha/rules.hpp"
#include "ha/watchdog.hpp"

namespace holdfast::ha {
namespace {

bool replaceable(const Instance& instance) {
  return instance.process == Process::stopped &&
         (instance.data == DataDirectory::absent || instance.data == DataDirectory::incomplete ||
          instance.data == DataDirectory::unconfirmed);
}

bool we_hold_initialize(const Situation& s) {
  return s.cluster->initialize && s.cluster->initialize->empty() &&
         s.local.memory.initialize_key == s.cluster->initialize_revision;
}

bool initialized(const Situation& s) { return s.cluster->initialize && !s.cluster->initialize->empty(); }

Verdict confirm(const Situation& s) {
  const auto& instance = s.local.instance;
  if (!s.cluster || instance.data != DataDirectory::unconfirmed || !instance.control) return std::nullopt;
  if (!initialized(s) || instance.control->system_id != *s.cluster->initialize) return std::nullopt;
  return Proposal{ConfirmBootstrap{}, fmt::format("the cluster in etcd is ours: {}", *s.cluster->initialize)};
}

Verdict announce(const Situation& s) {
  const auto& instance = s.local.instance;
  if (!s.cluster || instance.data != DataDirectory::unconfirmed || !we_hold_initialize(s))
    return std::nullopt;
  if (!instance.status || instance.status->in_recovery || !instance.control || !s.local.lease)
    return std::nullopt;
  return Proposal{AnnounceBootstrap{instance.control->system_id}, "bootstrapped; PostgreSQL accepts writes"};
}

Verdict discard(const Situation& s) {
  const auto& instance = s.local.instance;
  if (!s.cluster || instance.data != DataDirectory::unconfirmed || instance.process == Process::stopped)
    return std::nullopt;
  if (we_hold_initialize(s)) return std::nullopt;
  return Proposal{StopPostgres{.immediate = true},
                  "the initialize key was lost; the new cluster here is nobody's"};
}

Verdict release_without_data(const Situation& s) {
  if (!is_leader(s) || !replaceable(s.local.instance)) return std::nullopt;
  return Proposal{ReleaseLeaderKey{}, "the leader's data directory is gone"};
}

Verdict take_initialize_key(const Situation& s) {
  if (!s.cluster || !replaceable(s.local.instance) || s.cluster->initialize || s.local.tags.nofailover)
    return std::nullopt;
  if (!s.local.lease || watchdog_failed(s)) return std::nullopt;  // the key must go when this node does
  return Proposal{TakeInitializeKey{}, "no cluster in etcd and no data here"};
}

// The data of a standby cluster begin as a copy of the other cluster's.
Verdict clone_remote(const Situation& s) {
  if (!s.cluster || !replaceable(s.local.instance) || !we_hold_initialize(s) || !s.settings.standby_cluster)
    return std::nullopt;
  if (const auto until = backing_off(s, JobKind::clone))
    return Proposal{Wait{std::min(*until, next_look(s))}, "the clone failed; trying again soon"};
  const auto remote = remote_upstream(s.settings);
  if (!remote && s.settings.can_restore_without_leader)
    return Proposal{Clone{}, "a standby cluster of an archive, and a method that works without a host"};
  if (!remote) return Proposal{Wait{next_look(s)}, "the standby cluster names no host to copy from"};
  return Proposal{Clone{*remote}, fmt::format("a standby cluster of {}", remote->conn_url)};
}

Verdict announce_standby_cluster(const Situation& s) {
  const auto& instance = s.local.instance;
  if (!s.cluster || instance.data != DataDirectory::valid || !instance.control || !we_hold_initialize(s) ||
      !s.settings.standby_cluster || !s.local.lease)
    return std::nullopt;
  return Proposal{AnnounceBootstrap{instance.control->system_id},
                  "the copy of the other cluster is complete"};
}

Verdict back_off(const Situation& s) {
  if (!s.cluster || !replaceable(s.local.instance) || !we_hold_initialize(s)) return std::nullopt;
  const auto until = backing_off(s, JobKind::bootstrap);
  if (!until) return std::nullopt;
  return Proposal{Wait{std::min(*until, next_look(s))}, "the bootstrap failed; trying again soon"};
}

Verdict run(const Situation& s) {
  if (!s.cluster || !replaceable(s.local.instance) || !we_hold_initialize(s)) return std::nullopt;
  return Proposal{Bootstrap{}, "we hold the initialize key"};
}

Verdict clone_back_off(const Situation& s) {
  if (!s.cluster || !replaceable(s.local.instance) || !initialized(s)) return std::nullopt;
  return pause_between_clones(s, clone_from(s));
}

Verdict clone(const Situation& s) {
  if (!s.cluster || !replaceable(s.local.instance) || !initialized(s)) return std::nullopt;
  auto source = clone_from(s);
  if (!source) return std::nullopt;
  auto reason = fmt::format("from {} {}", source->from_replica ? "replica" : "leader", source->source.name);
  return Proposal{std::move(*source), std::move(reason)};
}

// A cluster that lost all its members comes back from its backups.
Verdict restore_without_leader(const Situation& s) {
  if (!s.cluster || !replaceable(s.local.instance) || !initialized(s) || s.cluster->leader)
    return std::nullopt;
  if (!s.settings.can_restore_without_leader) return std::nullopt;
  return Proposal{Clone{}, "there is no leader, but a method that works without one"};
}

Verdict wait(const Situation& s) {
  if (!replaceable(s.local.instance)) return std::nullopt;
  return Proposal{Wait{next_look(s)}, !s.cluster               ? "etcd cannot be reached"
                                      : !s.cluster->initialize ? "this node cannot make a cluster: it has no "
                                                                 "lease or required watchdog, or is tagged "
                                                                 "nofailover"
                                      : !initialized(s)        ? "another node is bootstrapping the cluster"
                                      : s.cluster->leader      ? "the leader is not ready to be cloned"
                                                               : "there is no leader to clone from"};
}

// etcd lost its content, or this data never was in it. Only what was a primary may speak for the cluster: a
// standby cannot know whether it has every commit.
Verdict adopt(const Situation& s) {
  const auto& instance = s.local.instance;
  if (!s.cluster || s.cluster->initialize || instance.data != DataDirectory::valid || !instance.control)
    return std::nullopt;
  const bool standby = instance.status ? instance.status->in_recovery : instance.standby_signal;
  if (standby && !s.settings.standby_cluster) return std::nullopt;
  return Proposal{AdoptCluster{instance.control->system_id},
                  s.settings.standby_cluster ? "etcd does not know this standby cluster yet"
                                             : "etcd knows no cluster, and here is the primary of one"};
}

Verdict wait_for_adoption(const Situation& s) {
  if (!s.cluster || initialized(s) || s.local.instance.data != DataDirectory::valid) return std::nullopt;
  return Proposal{Wait{next_look(s)},
                  s.cluster->initialize
                      ? "another node is bootstrapping a new cluster, but there is data of an older one here"
                      : "etcd knows no cluster; start the node that was its primary"};
}

constexpr Rule kRules[] = {
    {"bootstrap.confirm", "Keep the bootstrapped data once etcd has its system identifier.", confirm},
    {"bootstrap.announce", "Write initialize, config and leader key at once.", announce},
    {"bootstrap.discard", "End a bootstrapped server that lost the initialize key.", discard},
    {"bootstrap.release_without_data", "Give the leader key away when the data is gone.",
     release_without_data},
    {"bootstrap.take_initialize_key", "Claim the right to make a new cluster.", take_initialize_key},
    {"bootstrap.clone_remote", "A standby cluster begins as a copy of the other cluster.", clone_remote},
    {"bootstrap.announce_standby_cluster", "Then write initialize, config and leader key at once.",
     announce_standby_cluster},
    {"bootstrap.back_off", "Pause after a failed bootstrap.", back_off},
    {"bootstrap.run", "initdb, first start, users.", run},
    {"bootstrap.clone_back_off", "Pause after a failed clone.", clone_back_off},
    {"bootstrap.clone", "Copy a replica that offers itself, else the leader.", clone},
    {"bootstrap.restore_without_leader", "Without a leader, restore a backup where that is configured.",
     restore_without_leader},
    {"bootstrap.wait", "Wait for somebody to copy from.", wait},
    {"bootstrap.adopt", "Write an existing cluster into an empty etcd.", adopt},
    {"bootstrap.wait_for_adoption", "A standby does not speak for a cluster that etcd does not know.",
     wait_for_adoption},
};

}  // namespace

std::span<const Rule> bootstrap_rules() { return kRules; }

}  // namespace holdfast::ha
