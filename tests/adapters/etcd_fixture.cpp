#include "adapters/etcd_fixture.hpp"

#include <stdexcept>

namespace holdfast::test {

std::unique_ptr<etcd::EtcdDcs> EtcdTest::connect(const patroni::EtcdConfig& config) {
  auto dcs = etcd::make_dcs(runtime_, config);
  if (!dcs) throw std::runtime_error(dcs.error().message);
  return std::move(*dcs);
}

patroni::EtcdConfig EtcdTest::at(std::vector<std::uint16_t> ports) {
  patroni::EtcdConfig config;
  for (const auto port : ports) config.hosts.push_back({"127.0.0.1", port});
  return config;
}

std::string EtcdTest::values(ports::Dcs& dcs, const std::string& prefix) {
  const auto snapshot = run(dcs.read(prefix, in(5s)));
  if (!snapshot) return snapshot.error().message;
  std::string joined;
  for (const auto& entry : snapshot->entries)
    joined += fmt::format("{}{}={}", joined.empty() ? "" : " ", entry.key.substr(prefix.size()), entry.value);
  return joined;
}

std::string EtcdTest::text(const std::vector<ports::WatchEvent>& events) {
  std::string joined;
  for (const auto& event : events) {
    if (!joined.empty()) joined += " ";
    const auto name = event.entry.key.substr(event.entry.key.rfind('/') + 1);
    joined += event.kind == ports::WatchEvent::Kind::put ? fmt::format("{}={}", name, event.entry.value)
                                                         : "-" + name;
  }
  return joined;
}

std::string EtcdTest::next_events(ports::DcsWatch& watch, std::size_t count, base::Duration patience) {
  const auto deadline = in(patience);
  std::vector<ports::WatchEvent> all;
  while (all.size() < count) {
    auto events = run(ports::until(clock(), deadline, watch.next()));
    if (!events) return text(all) + " (and no more)";
    if (!*events) return text(all) + " (" + events->error().message + ")";
    all.insert(all.end(), (*events)->begin(), (*events)->end());
  }
  return text(all);
}

}  // namespace holdfast::test
