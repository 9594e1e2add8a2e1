// Addresses as configuration files have them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::patroni {

// "host:port", "10.0.0.1", "[::1]:5432", "::1" (without brackets only when no port follows). invalid: says
// what is wrong; without `default_port` a port must be given.
base::Result<HostPort> parse_host_port(std::string_view text, std::optional<std::uint16_t> default_port);

// "127.0.0.1,::1:5432": several addresses that share the port after the last one, Patroni's `listen`.
base::Result<std::vector<HostPort>> parse_listen(std::string_view text,
                                                 std::optional<std::uint16_t> default_port);

std::string to_string(const HostPort& address);  // "host:5432", "[::1]:5432"

}  // namespace holdfast::patroni
