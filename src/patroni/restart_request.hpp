// POST /restart: under which conditions, and when.
// https://patroni.readthedocs.io/en/latest/rest_api.html#restart-endpoint
#pragma once

#include <boost/json/object.hpp>
#include <expected>
#include <optional>
#include <string_view>

#include "ha/requests.hpp"
#include "patroni/failover_request.hpp"

namespace holdfast::patroni {

struct RestartRequest {
  ha::RestartConditions conditions;
  std::optional<base::WallTime> at;  // absent: now
  // As it was asked for, the time in ISO 8601: what is shown of a scheduled restart.
  boost::json::object as_asked;
};

// The answer says why not. `now` is for schedules.
std::expected<RestartRequest, RestAnswer> read_restart_request(const boost::json::object& body, bool paused,
                                                               base::WallTime now);

// "15.2" is 150002, "9.6.1" is 90601. invalid: with Patroni's words.
base::Result<int> parse_postgres_version(std::string_view text);

}  // namespace holdfast::patroni
