// A router: the data plane, what follows etcd for it, and what it tells of itself over HTTP.
#pragma once

#include <string>

#include "base/event.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/runtime.hpp"
#include "ports/dcs.hpp"
#include "router/data_plane.hpp"
#include "router/topology.hpp"
#include "routing/router_config.hpp"

namespace holdfast::router {

struct RouterOptions {
  std::string scope;
  std::string dcs_namespace = "/service/";
  routing::RouterConfig config;
  net::TlsContext to_members;  // for their REST APIs; null: the system's CAs
};

class Router {
 public:
  // Runtime and dcs must outlive the router.
  Router(net::Runtime& runtime, ports::Dcs& dcs, RouterOptions options);

  // Listens on all ports. refused: one cannot be had; the message names it.
  base::Result<void> start();
  // Serves until stop() was called and the last session has ended, or drain_timeout has passed.
  base::Task<void> run();
  // No new clients; sessions end as soon as nothing is lost by it.
  void stop() { stopping_.set(); }

  // After start(): where it listens, also when the configured port is 0.
  const DataPlane& data_plane() const { return data_plane_; }
  std::uint16_t api_port() const { return api_.port(); }
  std::uint16_t dashboard_port() const { return dashboard_.port(); }

 private:
  base::Task<bool> leads_in_failsafe(ha::Member leader, base::Instant deadline);
  base::Task<net::HttpResponse> answer_api(net::HttpRequest request);
  base::Task<net::HttpResponse> answer_dashboard(net::HttpRequest request);
  base::Task<void> drain();
  base::Task<bool> all_left_by(base::Instant deadline);

  net::Runtime& runtime_;
  const RouterOptions options_;
  DataPlane data_plane_;
  net::HttpClient members_;
  Topology topology_;
  net::HttpServer api_, dashboard_;
  base::Event stopping_;
};

}  // namespace holdfast::router
