#include "router/data_plane.hpp"

#include <algorithm>
#include <thread>
#include <vector>

#include "router/event_loop.hpp"
#include "router/listener.hpp"

namespace holdfast::router {

struct DataPlane::Parts {
  Parts(const routing::RouterConfig& config, std::string scope) : shared(config, std::move(scope)) {
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    const auto count = config.threads > 0 ? config.threads : cores;
    for (unsigned i = 0; i < count; ++i) {
      loops.push_back(std::make_unique<EventLoop>(shared));
      shared.counters.push_back(&loops.back()->counters());
    }
  }

  base::Result<void> listen_on(const routing::Endpoint& endpoint, routing::Port port) {
    auto acceptor = listen(loops.front()->io(), endpoint);
    if (!acceptor) return base::in(fmt::format("starting the {} port", to_string(port)), acceptor.error());
    listeners.push_back(std::make_unique<Listener>(loops, std::move(*acceptor), port));
    return {};
  }

  Shared shared;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::unique_ptr<EventLoop>> loops;
};

DataPlane::DataPlane(const routing::RouterConfig& config, std::string scope)
    : parts_(std::make_unique<Parts>(config, std::move(scope))) {}

// A listener lives in the first loop, and its pending accept() holds a socket of any: listeners first, then
// the loops from the first on.
DataPlane::~DataPlane() {
  for (const auto& loop : parts_->loops) loop->stop();
  parts_->listeners.clear();
  for (auto& loop : parts_->loops) loop.reset();
}

base::Result<void> DataPlane::start() {
  if (auto listening = parts_->listen_on(parts_->shared.config.read_write, routing::Port::read_write);
      !listening)
    return listening;
  if (auto listening = parts_->listen_on(parts_->shared.config.read_only, routing::Port::read_only);
      !listening)
    return listening;
  for (const auto& listener : parts_->listeners) listener->start();
  for (const auto& loop : parts_->loops) loop->start();
  return {};
}

std::uint16_t DataPlane::read_write_port() const { return parts_->listeners.at(0)->port(); }
std::uint16_t DataPlane::read_only_port() const { return parts_->listeners.at(1)->port(); }

void DataPlane::publish(const routing::RoutingTable& table) {
  const auto shared = std::make_shared<const routing::RoutingTable>(table);
  for (const auto& loop : parts_->loops) loop->publish(shared);
}

Traffic DataPlane::traffic() const {
  Traffic sum;
  for (const auto* counters : parts_->shared.counters) counters->add_to(sum);
  return sum;
}

void DataPlane::drain() {
  for (const auto& listener : parts_->listeners) listener->close();
  for (const auto& loop : parts_->loops) loop->drain();
}

void DataPlane::end_sessions() {
  for (const auto& loop : parts_->loops) loop->end_sessions();
}

}  // namespace holdfast::router
