// What the router tells of itself, as texts: for Prometheus, for the status page, for the cluster API.
#pragma once

#include <string>
#include <string_view>

#include "base/time.hpp"
#include "router/counters.hpp"
#include "router/topology.hpp"

namespace holdfast::router {

struct Overview {
  const Topology::Knowledge& cluster;
  const Traffic& traffic;
  std::string_view scope;
  base::Instant now;
};

// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
std::string metrics_text(const Overview& overview);
// GET /status.json of the status page: cluster_json and what metrics_text counts.
std::string status_text(const Overview& overview);
// GET /cluster, as Patroni's; ours is in one more key, "holdfast".
// https://patroni.readthedocs.io/en/latest/rest_api.html#cluster-status-endpoints
std::string cluster_text(const Overview& overview);

}  // namespace holdfast::router
