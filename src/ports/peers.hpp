// The REST API of other members, as this node needs it.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "pg/lsn.hpp"

namespace holdfast::ports {

// What a member answers to GET /patroni.
// https://patroni.readthedocs.io/en/latest/rest_api.html#monitoring-endpoint
struct PeerStatus {
  bool running = false;
  bool in_recovery = true;
  pg::Timeline timeline = 0;
  pg::Lsn position;  // newest WAL, received or replayed; of a primary, written
  bool dcs_reachable = true;
};

class Peers {
 public:
  virtual ~Peers() = default;
  // unreachable: refused or no route; timed_out; invalid: it answered, but not with what was expected.
  virtual base::Task<base::Result<PeerStatus>> status(std::string api_url, base::Instant deadline) = 0;
};

}  // namespace holdfast::ports
