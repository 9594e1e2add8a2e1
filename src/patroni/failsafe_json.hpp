// POST /failsafe: how a leader without etcd asks the other members to confirm it.
// https://patroni.readthedocs.io/en/latest/dcs_failsafe_mode.html
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "ha/failsafe.hpp"

namespace holdfast::patroni {

// {"name": ..., "conn_url": ..., "api_url": ..., "slots": {name: position}}, and our own "ttl" in seconds.
std::string write_failsafe_request(const ha::FailsafeRequest& request);
// invalid: what is wrong with it.
base::Result<ha::FailsafeRequest> parse_failsafe_request(std::string_view body);

// The header "lsn" of the answer: a position as a decimal number.
std::optional<pg::Lsn> parse_failsafe_lsn(std::string_view text);

}  // namespace holdfast::patroni
