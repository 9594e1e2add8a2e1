#include "sim/etcd.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::sim {

using base::ErrorKind;
using base::fail;
using ports::WatchEvent;

namespace {

// etcd looks for ended leases every 500 ms and revokes them through raft: never early, often late.
constexpr Duration kLongestLeaseDelay = 1s;

// What a leader had in its log when it lost its quorum may still be committed later.
constexpr double kSurvivesElection = 0.2;

std::int64_t lease_of(const ports::Write& write) {
  const auto* put = std::get_if<ports::Put>(&write);
  return put == nullptr ? 0 : put->lease;
}

}  // namespace

Etcd::Etcd(Physics& physics)
    : physics_(physics), place_(physics.network.add_place()), chance_(physics.chance.fork()) {}

void Etcd::request(Callback execute) {
  const auto wait = chance_.between(Duration{}, trouble.slow);
  physics_.time.surely_after(wait, [this, execute = std::move(execute)]() mutable {
    if (has_quorum_) {
      execute();
    } else if (chance_.chance(kSurvivesElection)) {
      undecided_.push_back(std::move(execute));
    }
  });
}

ports::DcsSnapshot Etcd::read(std::string_view prefix) const {
  ports::DcsSnapshot snapshot{.revision = revision_, .raft_term = term_};
  for (auto it = keys_.lower_bound(prefix); it != keys_.end() && it->first.starts_with(prefix); ++it)
    snapshot.entries.push_back(it->second);
  return snapshot;
}

const ports::KeyValue* Etcd::get(std::string_view key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : &found->second;
}

bool Etcd::holds(const ports::Compare& condition) const {
  const auto* entry = get(condition.key);
  if (entry == nullptr) return condition.equals == 0;
  const bool by_creation = condition.field == ports::Compare::Field::create_revision;
  return (by_creation ? entry->create_revision : entry->mod_revision) == condition.equals;
}

base::Result<std::int64_t> Etcd::commit(const ports::Transaction& transaction) {
  for (const auto& condition : transaction.conditions) {
    if (!holds(condition))
      return fail(ErrorKind::conflict, "etcd: {} is not as expected (revision {})", condition.key,
                  condition.equals);
  }
  for (const auto& write : transaction.writes) {
    const auto lease = lease_of(write);
    if (lease != 0 && !leases_.contains(lease))
      return fail(ErrorKind::lease_lost, "etcd: lease {} not found", lease);
  }
  ++revision_;
  for (const auto& write : transaction.writes) apply(write);
  announce();
  return revision_;
}

void Etcd::apply(const ports::Write& write) {
  if (const auto* put_it = std::get_if<ports::Put>(&write)) {
    put(*put_it);
  } else if (const auto& key = std::get<ports::Delete>(write).key; keys_.contains(key)) {
    remove(key);
  }
}

void Etcd::put(const ports::Put& put) {
  auto& entry = keys_[put.key];
  if (entry.lease != 0 && entry.lease != put.lease) leases_.at(entry.lease).keys.erase(put.key);
  if (entry.create_revision == 0) entry.create_revision = revision_;
  entry.key = put.key;
  entry.value = put.value;
  entry.mod_revision = revision_;
  entry.lease = put.lease;
  if (put.lease != 0) leases_.at(put.lease).keys.insert(put.key);
  publish({WatchEvent::Kind::put, entry});
}

void Etcd::remove(const std::string& key) {
  const auto entry = keys_.extract(key);
  if (const auto lease = leases_.find(entry.mapped().lease); lease != leases_.end())
    lease->second.keys.erase(entry.key());
  publish({WatchEvent::Kind::remove, {.key = entry.key(), .mod_revision = revision_}});
}

void Etcd::publish(WatchEvent event) {
  physics_.story.note(event.entry.key);
  physics_.story.note(event.entry.value);
  events_.push_back(event);
  if (judge_) judge_(event);
}

void Etcd::announce() {
  std::erase_if(subscribers_, [](const auto& subscriber) { return subscriber.expired(); });
  for (const auto& weak : std::vector(subscribers_)) {
    if (const auto subscriber = weak.lock()) (*subscriber)();
  }
}

Etcd::Subscription Etcd::subscribe(std::function<void()> on_revision) {
  auto subscriber = std::make_shared<std::function<void()>>(std::move(on_revision));
  subscribers_.push_back(subscriber);
  return subscriber;
}

base::Result<std::vector<WatchEvent>> Etcd::events_since(std::string_view prefix, std::int64_t from) const {
  if (from <= compacted_)
    return fail(ErrorKind::conflict, "etcd: revision {} was compacted away, first is {}", from,
                compacted_ + 1);
  std::vector<WatchEvent> found;
  const auto first =
      std::ranges::lower_bound(events_, from, {}, [](const auto& event) { return event.entry.mod_revision; });
  std::copy_if(first, events_.end(), std::back_inserter(found),
               [&](const auto& event) { return event.entry.key.starts_with(prefix); });
  return found;
}

ports::DcsLease Etcd::grant(Duration ttl) {
  const auto id = ++last_lease_;
  auto& lease = leases_[id];
  lease.ttl = ttl;
  renew(id, lease);
  return {.id = id, .ttl = ttl};
}

void Etcd::renew(std::int64_t id, Lease& lease) {
  const auto late = chance_.between(Duration{}, kLongestLeaseDelay);
  lease.ends = physics_.time.after(lease.ttl + late, [this, id] { end_lease(id); });
}

base::Result<void> Etcd::keep_alive(std::int64_t id) {
  const auto lease = leases_.find(id);
  if (lease == leases_.end()) return fail(ErrorKind::lease_lost, "etcd: lease {} not found", id);
  renew(id, lease->second);
  return {};
}

base::Result<void> Etcd::revoke(std::int64_t id) {
  if (!leases_.contains(id)) return fail(ErrorKind::lease_lost, "etcd: lease {} not found", id);
  end_lease(id);
  return {};
}

void Etcd::end_lease(std::int64_t id) {
  const auto lease = leases_.extract(id);
  if (lease.empty()) return;
  if (lease.mapped().keys.empty()) return;
  ++revision_;
  for (const auto& key : std::set(lease.mapped().keys)) {
    physics_.story.tell("etcd", "{} is gone: its lease ended", key);
    remove(key);
  }
  announce();
}

void Etcd::lose_quorum() {
  has_quorum_ = false;
  for (auto& [id, lease] : leases_) lease.ends.cancel();
}

void Etcd::elect() {
  has_quorum_ = true;
  ++term_;
  for (auto& [id, lease] : leases_) renew(id, lease);
  for (auto& execute : std::exchange(undecided_, {})) execute();
  announce();
}

void Etcd::lose_leases(std::string_view of_key) {
  const auto* entry = get(of_key);
  if (entry != nullptr && entry->lease != 0 && has_quorum_) end_lease(entry->lease);
}

void Etcd::compact() {
  compacted_ = revision_;
  events_.clear();
}

}  // namespace holdfast::sim
