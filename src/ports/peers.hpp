// The REST API of other members, as this node needs it.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ha/cluster_view.hpp"
#include "ha/failsafe.hpp"

namespace holdfast::ports {

using PeerStatus = ha::PeerStatus;

struct FailsafeReply {
  std::string refusal;              // empty: it accepts
  std::optional<pg::Lsn> position;  // of its newest WAL
};

class Peers {
 public:
  virtual ~Peers() = default;
  // unreachable: refused or no route; timed_out; invalid: it answered, but not with what was expected.
  virtual base::Task<base::Result<PeerStatus>> status(std::string api_url, base::Instant deadline) = 0;
  // GET /liveness: whether anybody answers there, whatever the answer is.
  virtual base::Task<bool> answers(std::string api_url, base::Instant deadline) = 0;
  // POST /failsafe: asks the member to confirm that this node leads. The same errors; whatever is not an
  // acceptance is none.
  virtual base::Task<base::Result<FailsafeReply>> confirm_leader(std::string api_url,
                                                                 ha::FailsafeRequest request,
                                                                 base::Instant deadline) = 0;
};

}  // namespace holdfast::ports
