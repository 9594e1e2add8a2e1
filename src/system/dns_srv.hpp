// SRV records of a domain, from the name servers that the host is configured with.
// https://www.rfc-editor.org/rfc/rfc2782
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace holdfast::system {

struct SrvRecord {
  std::string host;
  std::uint16_t port = 0;
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
};

// In order of priority, the heaviest of equals first; empty when there are none. Blocks, up to some 10 s when
// no name server answers: to be called through system::Worker. unreachable: no name server answered.
// `name_server_port` on 127.0.0.1 instead of the host's name servers, for tests.
base::Result<std::vector<SrvRecord>> find_srv_records(const std::string& name,
                                                      std::optional<std::uint16_t> name_server_port = {});

}  // namespace holdfast::system
