// Which HTTP status the health checks answer: what load balancers decide by.
// https://patroni.readthedocs.io/en/latest/rest_api.html#health-check-endpoints
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "patroni/rest_json.hpp"

namespace holdfast::patroni {

using Query = std::map<std::string, std::string>;  // percent-decoded

// "lag=10MB&tag_x=y" decoded; of a key given twice the first counts, as in Patroni.
Query parse_query(std::string_view text);

// 200 or 503; absent when there is no health check of that path. `path` is without the query; a slash at its
// end does not matter.
//
// One difference from Patroni: a leader whose PostgreSQL is known to be still in recovery is no primary yet,
// because it cannot take a write.
std::optional<int> health_status(std::string_view path, const Query& query, const NodeStatus& node);

// "1048576", "16MB", "0.5 GB" in bytes; absent when it is no amount.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace holdfast::patroni
