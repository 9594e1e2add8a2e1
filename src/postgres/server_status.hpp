// Everything observe() wants to know of a running server, in one round trip.
#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ha/instance.hpp"
#include "postgres/connection.hpp"

namespace holdfast::postgres {

class StatusQuery {
 public:
  base::Task<base::Result<ha::ServerStatus>> ask(Session& session, base::Instant deadline);

 private:
  // A standby that lost its receiver no longer says which timeline it replays. Timelines only grow while a
  // server lives, so the newest one seen since it started still holds.
  pg::Timeline newest_timeline(const ha::ServerStatus& status);
  std::optional<base::WallTime> started_at_;
  pg::Timeline newest_ = 0;
};

}  // namespace holdfast::postgres
