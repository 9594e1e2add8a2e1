#include "router/topology.hpp"

#include <algorithm>

#include "base/task_group.hpp"
#include "pg/conninfo.hpp"
#include "telemetry/log.hpp"

namespace holdfast::router {
namespace {

// How long etcd may take for a read. Its own election takes a second or so; a read that spans one succeeds.
constexpr base::Duration kReadTimeout = std::chrono::seconds(5);
// A watch that hears nothing is not proof that there is nothing to hear: so often etcd is asked all the same.
constexpr base::Duration kAskAnyway = std::chrono::seconds(5);
// Between attempts while etcd fails: at first soon, for a broken connection; later so that many routers do
// not keep an etcd busy that is coming up.
constexpr base::Duration kFirstWait = std::chrono::milliseconds(50);
constexpr base::Duration kLongestWait = std::chrono::seconds(2);

// How long a leader that etcd does not name may take to answer, and how often it is asked. Its answers are
// good for some seconds: its members promise to wait for a ttl.
constexpr base::Duration kAnswerTime = std::chrono::seconds(1);
constexpr base::Duration kAskAgain = std::chrono::seconds(1);

routing::Endpoint address_of(const ha::Member& member) {
  const auto url = pg::parse_connection_url(member.conn_url);
  return url ? routing::Endpoint{url->host, url->port} : routing::Endpoint{};
}

routing::Observation::Member to_server(const ha::Member& member) {
  return {.server = {member.name, address_of(member)},
          .running = member.state == ha::MemberState::running,
          .streaming = member.replication_state == "streaming",
          .says_primary = member.role == ha::MemberRole::primary,
          .no_load_balance = member.tags.noloadbalance};
}

}  // namespace

routing::Observation to_observation(const ha::ClusterView& view) {
  routing::Observation seen{.revision = view.revision};
  if (view.leader) {
    seen.leader = view.leader->name;
    seen.epoch = view.leader->epoch;
  }
  for (const auto& member : view.members) seen.members.push_back(to_server(member));
  return seen;
}

std::string describe(const routing::RoutingTable& table) {
  std::string text = "no leader";
  if (table.has_leader) {
    const auto& [server, says_primary] = table.leader;
    const auto address = table.leader.has_address()
                             ? fmt::format("{}:{}", server.address.host, server.address.port)
                             : "address not known";
    text = fmt::format("{} ({}) leads in epoch {}{}", server.name, address, table.epoch,
                       says_primary ? "" : ", not promoted yet");
  }
  std::string replicas;
  for (const auto& replica : table.replicas) {
    replicas += fmt::format("{}{}", replicas.empty() ? "" : ", ", replica.server.name);
    if (!replica.takes_clients) replicas += fmt::format(" ({})", replica.why_not);
  }
  return fmt::format("{}; replicas: {}", text, replicas.empty() ? "none" : replicas);
}

Topology::Topology(ports::Clock& clock, ports::Dcs& dcs, patroni::Keys keys, Publish publish,
                   AskLeader ask_leader)
    : clock_(clock),
      dcs_(dcs),
      keys_(std::move(keys)),
      publish_(std::move(publish)),
      ask_leader_(std::move(ask_leader)),
      random_(static_cast<std::uint64_t>(clock.now().time_since_epoch().count())),
      leaderless_(clock.executor()) {}

base::Task<void> Topology::run() {
  base::TaskGroup beside(clock_.executor());
  beside.spawn(ask_last_leader());
  co_await follow_etcd();
}

base::Task<void> Topology::ask_last_leader() {
  for (;;) {
    co_await leaderless_.wait();
    const auto asked = *last_leader_;
    const bool leads = co_await ask_leader_(asked, clock_.now() + kAnswerTime);
    if (leaderless_.is_set() && last_leader_->name == asked.name && leads != leads_in_failsafe_) {
      leads_in_failsafe_ = leads;
      telemetry::warning("etcd names no leader; {} {}", asked.name,
                         leads ? "says that it leads in failsafe mode, and keeps its clients"
                               : "does not say any more that it leads in failsafe mode");
      look();
    }
    co_await clock_.sleep_until(clock_.now() + kAskAgain);
  }
}

void Topology::note_leader() {
  const auto& view = known_.contents.view;
  if (!view.leader) {
    if (last_leader_) leaderless_.set();
    return;
  }
  leaderless_.clear();
  leads_in_failsafe_ = false;
  if (const auto* member = view.member(view.leader->name)) last_leader_ = *member;
}

routing::Observation Topology::observation() const {
  auto seen = to_observation(known_.contents.view);
  if (!leads_in_failsafe_) return seen;
  seen.leader = last_leader_->name;
  seen.epoch = known_.table.epoch;
  std::erase_if(seen.members, [&](const auto& member) { return member.server.name == seen.leader; });
  seen.members.push_back(to_server(*last_leader_));
  return seen;
}

base::Task<void> Topology::follow_etcd() {
  for (;;) {
    if (co_await read_all()) co_await follow();
    co_await back_off();
  }
}

base::Task<bool> Topology::read_all() {
  auto snapshot = co_await dcs_.read(keys_.prefix(), clock_.now() + kReadTimeout);
  if (!snapshot) {
    etcd_fails(snapshot.error());
    co_return false;
  }
  etcd_answers();
  revision_ = snapshot->revision;
  entries_.clear();
  for (auto& entry : snapshot->entries) {
    auto key = entry.key;
    entries_.emplace(std::move(key), std::move(entry));
  }
  look();
  co_return true;
}

// Returns when the watch has lost its place, so that all must be read again.
base::Task<void> Topology::follow() {
  const auto watch = dcs_.watch(keys_.prefix(), revision_ + 1);
  for (;;) {
    auto events = co_await ports::until(clock_, clock_.now() + kAskAnyway, watch->next());
    if (events && !*events) {
      telemetry::info("reading the cluster anew: {}", events->error().message);
      co_return;
    }
    if (events) {
      etcd_answers();
      apply(**events);
      look();
    } else {
      co_await read_all();  // a failure is noted; the watch goes on by itself when etcd is back
    }
  }
}

base::Task<void> Topology::back_off() {
  const auto longest = std::min(kLongestWait, kFirstWait * (1 << std::min(failures_, 6)));
  co_await clock_.sleep_until(clock_.now() + random_.between(longest / 2, longest));
}

// Events may be older than a read in between; what was read is newer, and stays.
void Topology::apply(const std::vector<ports::WatchEvent>& events) {
  for (const auto& event : events) {
    if (event.entry.mod_revision <= revision_) continue;
    if (event.kind == ports::WatchEvent::Kind::put) {
      entries_.insert_or_assign(event.entry.key, event.entry);
    } else {
      entries_.erase(event.entry.key);
    }
  }
  for (const auto& event : events) revision_ = std::max(revision_, event.entry.mod_revision);
}

void Topology::look() {
  std::vector<patroni::KeyValue> entries;
  for (const auto& [key, entry] : entries_) entries.push_back(entry);
  auto contents = patroni::read_contents(keys_, revision_, entries);
  if (contents.problems != known_.contents.problems)
    for (const auto& problem : contents.problems) telemetry::warning("in etcd: {}", problem);
  known_.contents = std::move(contents);
  note_leader();
  const auto seen = observation();
  if (!seen.leader.empty() && seen.epoch < known_.table.epoch && seen.epoch != refused_epoch_) {
    refused_epoch_ = seen.epoch;
    telemetry::error(
        "etcd names leader {} of epoch {}, but epoch {} has been seen: ignored. If etcd was restored "
        "from a backup, restart this router",
        seen.leader, seen.epoch, known_.table.epoch);
  }
  auto table = advance(known_.table, seen);
  const bool changed = !routing::same_routes(table, known_.table);
  const bool first = known_.table.revision == 0;
  known_.table = std::move(table);
  if (!changed && !first) return;
  telemetry::info("{}", describe(known_.table));
  publish_(known_.table);
}

void Topology::etcd_answers() {
  if (!known_.etcd_problem.empty() && known_.table.revision != 0) telemetry::info("etcd answers again");
  known_.etcd_problem.clear();
  known_.heard_at = clock_.now();
  failures_ = 0;
}

void Topology::etcd_fails(const base::Error& error) {
  if (failures_++ == 0)
    telemetry::warning("cannot read the cluster from etcd, going on with what was known: {}", error.message);
  known_.etcd_problem = error.message;
}

}  // namespace holdfast::router
