// The data plane: clients in, PostgreSQL out, on threads of its own. What it needs to know is posted to it,
// what it counts can be read at any time. A light header: Asio is behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "router/counters.hpp"
#include "routing/router_config.hpp"
#include "routing/routing_table.hpp"

namespace holdfast::router {

class DataPlane {
 public:
  // `scope` is named in messages.
  DataPlane(const routing::RouterConfig& config, std::string scope);
  // Ends all sessions at once.
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  // Listens on both ports; clients are held until a table is published. refused: an address cannot be bound;
  // the message names it and why.
  base::Result<void> start();

  // After start(); of use when the configured port is 0.
  std::uint16_t read_write_port() const;
  std::uint16_t read_only_port() const;

  // New sessions go by this table, and sessions that must not stay under it end.
  void publish(const routing::RoutingTable& table);

  Traffic traffic() const;

  // The end, step by step: no new clients, sessions end when nothing is lost by it; then all sessions end.
  // Each returns at once; traffic().connections tells how many are left.
  void drain();
  void end_sessions();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast::router
