#include "sim/invariants.hpp"

#include <algorithm>
#include <fmt/ranges.h>
#include <set>

#include "patroni/dcs_values.hpp"
#include "sim/server.hpp"

namespace holdfast::sim {
namespace {

constexpr std::string_view kPrefix = "/service/sim/";

bool has(const Host& host, const WalRecord& record) {
  return host.data.kind == ha::DataDirectory::valid && host.data.wal.contains(record);
}

// Synchronous: nobody may be told that a commit is safe by a server that has been succeeded, and no two
// servers can answer at once. Asynchronous: no two primaries whose agents are there to end them. (A primary
// whose agent is dead or frozen goes on; only a guard beside the agent can end that.)
class OneWriter final : public Invariant {
 public:
  std::string_view name() const override { return "one writer"; }

  Verdict acknowledged(const Facts& facts, const Host& host, const WalRecord& record) override {
    if (!facts.scenario.synchronous) return two_in_charge(facts);
    for (const auto& other : facts.site.hosts) {
      if (other.get() == &host || !other->server || !other->server->accepts_writes()) continue;
      if (other->server->could_acknowledge() && host.server && host.server->could_acknowledge())
        return fmt::format("{} and {} can both acknowledge commits", host.name, other->name);
      const bool successor = other->data.wal.last().timeline > record.timeline;
      if (successor && !has(*other, record))
        return fmt::format("{} acknowledged a commit at {} that its successor {} does not have", host.name,
                           to_string(record.end), other->name);
    }
    return {};
  }
  Verdict accepts_writes(const Facts& facts, const Host&) override {
    return facts.scenario.synchronous ? std::nullopt : two_in_charge(facts);
  }

 private:
  // An agent that has just been started or thawed needs a moment to see what became of its right.
  static Duration grace(const Facts& facts) {
    return std::chrono::seconds(facts.scenario.retry_timeout) + Duration(3s);
  }
  Verdict two_in_charge(const Facts& facts) const {
    std::string first;
    if (facts.site.physics.time.now() < facts.promise_broken_until) return {};
    for (const auto& host : facts.site.hosts) {
      if (!host->server || !host->server->accepts_writes() || host->postgres_gate.frozen()) continue;
      const auto uptime = facts.agent_uptime(*host);
      const bool watched = host->watchdog.fires.pending();
      if (!watched && (!uptime || *uptime < grace(facts))) continue;
      if (!first.empty())
        return fmt::format("{} and {} both accept writes, and both agents are in charge", first, host->name);
      first = host->name;
    }
    return {};
  }
};

// Who becomes leader has every acknowledged commit.
class NoLostCommit final : public Invariant {
 public:
  std::string_view name() const override { return "no lost commit"; }

  Verdict accepts_writes(const Facts& facts, const Host& host) override {
    if (!facts.scenario.synchronous || facts.leader() != host.name || !facts.newest_acknowledged) return {};
    if (has(host, *facts.newest_acknowledged)) return {};
    return fmt::format("{} leads without the acknowledged commit at {} on timeline {}", host.name,
                       to_string(facts.newest_acknowledged->end), facts.newest_acknowledged->timeline);
  }
  Verdict healed(const Facts& facts) override {
    if (!facts.scenario.synchronous) return {};
    for (const auto& host : facts.site.hosts) {
      for (const auto& [id, record] : facts.acknowledged) {
        if (!has(*host, record))
          return fmt::format("{} lacks the acknowledged commit at {}", host->name, to_string(record.end));
      }
    }
    return {};
  }
};

// Who could be elected has every acknowledged commit, at every moment.
class SyncOrder final : public Invariant {
 public:
  std::string_view name() const override { return "sync order"; }

  Verdict acknowledged(const Facts& facts, const Host&, const WalRecord& record) override {
    return facts.scenario.synchronous ? electable_without(facts, record) : std::nullopt;
  }
  Verdict etcd_changed(const Facts& facts, const ports::WatchEvent& event) override {
    if (!facts.scenario.synchronous || !event.entry.key.ends_with("/sync") || !facts.newest_acknowledged)
      return {};
    return electable_without(facts, *facts.newest_acknowledged);
  }

 private:
  // A candidate needs as many others of /sync that are not ahead of it as the quorum says. Those who lack the
  // commit can elect one of them if they are more than that; the leader of /sync needs nobody.
  Verdict electable_without(const Facts& facts, const WalRecord& record) const {
    const auto sync = facts.sync_state();
    std::vector<std::string_view> without;
    bool elects = false;
    for (const auto& host : facts.site.hosts) {
      if (host->data.kind != ha::DataDirectory::valid || (sync && !sync->includes(host->name))) continue;
      if (has(*host, record)) continue;
      without.push_back(host->name);
      elects |= !sync || sync->leader == host->name || static_cast<int>(without.size()) > sync->quorum;
    }
    if (!elects) return {};
    return fmt::format("{} may be elected and lack{} the acknowledged commit at {} on timeline {}",
                       fmt::join(without, ", "), without.size() == 1 ? "s" : "", to_string(record.end),
                       record.timeline);
  }
};

// A timeline is one sequence of records, whoever writes them.
class OneHistory final : public Invariant {
 public:
  std::string_view name() const override { return "one history"; }

  Verdict wrote(const Facts&, const Host& host, const WalRecord& record) override {
    const auto& records = host.data.wal.records();  // `record` is the last
    const auto* before = records.size() > 1 ? &records[records.size() - 2] : nullptr;
    auto& newest = newest_of_timeline_[{host.data.system_id, record.timeline}];
    const bool begins = newest.record.lineage == 0;
    const bool continues = before != nullptr && before->lineage == newest.record.lineage;
    if (!begins && !continues)
      return fmt::format("{} and {} both wrote timeline {} at {}, and not the same", newest.writer, host.name,
                         record.timeline, to_string(record.end));
    newest = {record, host.name};
    return {};
  }

 private:
  struct Newest {
    WalRecord record;
    std::string writer;
  };
  std::map<std::pair<ha::SystemId, pg::Timeline>, Newest> newest_of_timeline_;
};

class TagsObeyed final : public Invariant {
 public:
  std::string_view name() const override { return "tags obeyed"; }

  Verdict etcd_changed(const Facts& facts, const ports::WatchEvent& event) override {
    if (!event.entry.key.ends_with("/leader") || event.kind != ports::WatchEvent::Kind::put) return {};
    const auto tagged = facts.scenario.nofailover;
    if (tagged < 0 || event.entry.value != facts.site.hosts[static_cast<std::size_t>(tagged)]->name)
      return {};
    return fmt::format("{} is tagged nofailover and took the leader key", event.entry.value);
  }
};

}  // namespace

std::vector<std::unique_ptr<Invariant>> all_invariants() {
  std::vector<std::unique_ptr<Invariant>> all;
  all.push_back(std::make_unique<OneWriter>());
  all.push_back(std::make_unique<NoLostCommit>());
  all.push_back(std::make_unique<SyncOrder>());
  all.push_back(std::make_unique<OneHistory>());
  all.push_back(std::make_unique<TagsObeyed>());
  return all;
}

std::optional<ha::SyncState> Facts::sync_state() const {
  const auto* entry = etcd.get(std::string(kPrefix) + "sync");
  if (entry == nullptr) return std::nullopt;
  auto parsed = patroni::parse_sync(entry->value);
  if (!parsed || parsed->leader.empty()) return std::nullopt;
  return *parsed;
}

std::string Facts::leader() const {
  const auto* entry = etcd.get(std::string(kPrefix) + "leader");
  return entry == nullptr ? std::string() : entry->value;
}

void Judge::report(std::string_view invariant, std::string what) {
  if (violation_ || forked_) return;
  if (invariant == "one history" && !facts_->scenario.synchronous) {
    story_.tell("judge", "two timelines have the same number: {}", what);
    forked_ = true;
    return;
  }
  story_.tell("judge", "{}: {}", invariant, what);
  violation_ = {std::string(invariant), std::move(what)};
}

void Judge::accepts_writes(std::string_view name) {
  const auto* host = facts_->site.find(name);
  story_.tell(name, "PostgreSQL accepts writes from {} on timeline {}", to_string(host->data.wal.end()),
              host->data.wal.last().timeline);
  ask_all([&](Invariant& invariant) { return invariant.accepts_writes(*facts_, *host); });
}

void Judge::wrote(std::string_view name, const WalRecord& record) {
  const auto* host = facts_->site.find(name);
  ask_all([&](Invariant& invariant) { return invariant.wrote(*facts_, *host, record); });
}

void Judge::acknowledged(std::string_view name, const WalRecord& record) {
  const auto* host = facts_->site.find(name);
  story_.note(record.lineage);
  facts_->acknowledged.emplace(record.commit, record);
  const auto& newest = facts_->newest_acknowledged;
  if (!newest || std::pair(record.timeline, record.end) > std::pair(newest->timeline, newest->end))
    facts_->newest_acknowledged = record;
  ask_all([&](Invariant& invariant) { return invariant.acknowledged(*facts_, *host, record); });
}

void Judge::streamed_other_history(std::string_view standby, std::string_view upstream) {
  report("one history", fmt::format("standby {} goes on with the WAL of {}, which does not continue its own",
                                    standby, upstream));
}

void Judge::etcd_changed(const ports::WatchEvent& event) {
  ask_all([&](Invariant& invariant) { return invariant.etcd_changed(*facts_, event); });
}

void Judge::healed() {
  ask_all([&](Invariant& invariant) { return invariant.healed(*facts_); });
}

}  // namespace holdfast::sim
