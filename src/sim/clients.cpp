#include "sim/clients.hpp"

#include <utility>

namespace holdfast::sim {
namespace {

constexpr CommitId kIdsPerClient = 1'000'000;
constexpr Duration kPatience = 5s;

}  // namespace

Client::Client(Site& site, Etcd& etcd, Judge& judge, int number, Host* stuck_to)
    : site_(site),
      judge_(judge),
      chance_(site.physics.chance.fork()),
      name_(fmt::format("client{}", number)),
      place_(site.physics.network.add_place()),
      host_(stuck_to),
      next_id_(static_cast<CommitId>(number) * kIdsPerClient + 1),
      self_(std::make_shared<Client*>(this)) {
  if (stuck_to == nullptr) watch(etcd);
  next_soon();
}

// Reads the leader key and watches it from there; again when the history was compacted away meanwhile.
void Client::watch(Etcd& etcd) {
  constexpr std::string_view kLeader = "/service/sim/leader";
  if (const auto* leader = etcd.get(kLeader)) follow_leader({{ports::WatchEvent::Kind::put, *leader}});
  watch_.emplace(site_.physics, etcd, place_, std::string(kLeader), etcd.revision() + 1,
                 [this, &etcd](auto events) {
                   if (events) return follow_leader(*events);
                   rewatch_ = site_.physics.time.after(100ms, [this, &etcd] { watch(etcd); });
                 });
}

void Client::follow_leader(const std::vector<ports::WatchEvent>& events) {
  for (const auto& event : events) {
    if (event.kind == ports::WatchEvent::Kind::remove || event.entry.create_revision <= epoch_) continue;
    epoch_ = event.entry.create_revision;
    host_ = site_.find(event.entry.value);
    if (pending_ != 0) outcome(pending_, CommitOutcome::unknown);
  }
}

void Client::next_soon() {
  next_ = site_.physics.time.after(chance_.between(Duration(50ms), Duration(800ms)), [this] { act(); });
}

void Client::act() {
  if (resting_) return;
  if (host_ == nullptr) return next_soon();
  if (watch_ && last_acknowledged_ != 0 && chance_.chance(0.2)) return read_own(*host_);
  write(*host_);
}

void Client::write(Host& host) {
  const auto id = next_id_++;
  pending_ = id;
  patience_ = site_.physics.time.after(kPatience, [this, id] { outcome(id, CommitOutcome::unknown); });
  auto& network = site_.physics.network;
  auto answer = [weak = std::weak_ptr(self_), &network, here = place_, &host, id](CommitOutcome result) {
    network.send(host.place, here, [weak, id, result] {
      if (const auto client = weak.lock()) (*client)->outcome(id, result);
    });
  };
  network.send(place_, host.place, [&host, id, answer]() mutable {
    if (!host.powered) return;
    if (!host.server) return answer(CommitOutcome::refused);
    host.postgres_gate.run([&host, id, answer]() mutable {
      if (!host.server) return answer(CommitOutcome::refused);
      host.server->commit(id, std::move(answer));
    });
  });
}

// A row that this client was told is there, is there.
void Client::read_own(Host& host) {
  next_soon();
  auto& network = site_.physics.network;
  const bool binding = judge_.facts().scenario.synchronous;
  network.send(place_, host.place,
               [this, weak = std::weak_ptr(self_), &host, id = last_acknowledged_, epoch = epoch_, binding] {
                 const auto client = weak.lock();
                 if (!client || !binding || !host.powered || host.postgres_gate.frozen()) return;
                 if (!host.server || !host.server->accepts_writes() || epoch != epoch_) return;
                 const auto& record = judge_.facts().acknowledged.at(id);
                 if (!host.data.wal.contains(record))
                   judge_.report("no lost commit", fmt::format("{} does not find its row of {} on {}", name_,
                                                               to_string(record.end), host.name));
               });
}

void Client::outcome(CommitId id, CommitOutcome outcome) {
  if (id != pending_) return;
  pending_ = 0;
  patience_.cancel();
  if (outcome == CommitOutcome::acknowledged) last_acknowledged_ = id;
  ++(outcome == CommitOutcome::acknowledged ? counts_.acknowledged
     : outcome == CommitOutcome::unknown    ? counts_.unknown
                                            : counts_.refused);
  next_soon();
}

}  // namespace holdfast::sim
