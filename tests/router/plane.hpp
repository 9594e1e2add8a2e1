// A data plane on free ports, for tests that say themselves what the routing table is.
#pragma once

#include <gtest/gtest.h>
#include <memory>

#include "router/clients.hpp"
#include "router/data_plane.hpp"
#include "router/database.hpp"

namespace holdfast::test {

using routing::EndKind;
using routing::RouterConfig;

class PlaneTest : public testing::Test {
 protected:
  static RouterConfig on_free_ports(RouterConfig config = {}) {
    config.read_write = config.read_only = {"127.0.0.1", 0};
    config.threads = 2;
    return config;
  }
  void start(const RouterConfig& config = {}) {
    plane_ = std::make_unique<router::DataPlane>(on_free_ports(config), "demo");
    const auto started = plane_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  void start(const RouterConfig& config, const routing::RoutingTable& table) {
    start(config);
    plane_->publish(table);
  }

  std::uint16_t rw() const { return plane_->read_write_port(); }
  std::uint16_t ro() const { return plane_->read_only_port(); }
  router::Traffic traffic() const { return plane_->traffic(); }
  std::uint64_t held() const { return traffic().ports[0].held + traffic().ports[1].held; }
  std::uint64_t sessions() const { return traffic().ports[0].sessions + traffic().ports[1].sessions; }
  std::uint64_t ended(EndKind kind) const { return traffic().ends[static_cast<std::size_t>(kind)]; }

  std::unique_ptr<router::DataPlane> plane_;
};

}  // namespace holdfast::test
