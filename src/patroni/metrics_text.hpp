// GET /metrics: Patroni's families and labels in Prometheus' text format.
// https://patroni.readthedocs.io/en/latest/rest_api.html#monitoring-endpoint
#pragma once

#include <string>

#include "patroni/rest_json.hpp"

namespace holdfast::patroni {

std::string metrics_text(const NodeStatus& node);

}  // namespace holdfast::patroni
