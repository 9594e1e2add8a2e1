// IP addresses and networks, for lists of who may come.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.hpp"
#include "base/time.hpp"
#include "net/runtime.hpp"

namespace holdfast::net {

struct IpNetwork {
  std::array<std::uint8_t, 16> bytes{};  // an IPv4 address fills the first four
  bool v6 = false;
  int prefix = 0;  // how many leading bits count
};

// "10.0.0.0/8", "::1", "192.168.1.7"; bits behind the prefix do not matter. Absent for a name, or nonsense.
std::optional<IpNetwork> parse_ip_network(std::string_view text);

// "::ffff:10.0.0.1" is 10.0.0.1.
bool contains(const IpNetwork& network, std::string_view address);

// The addresses of a name by the system's resolver; none when it has none, or not by `deadline`.
base::Task<std::vector<std::string>> resolve_host(Runtime& runtime, std::string host, base::Instant deadline);

}  // namespace holdfast::net
