// Everything observe() wants to know of a running server, in one round trip.
#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ha/instance.hpp"
#include "postgres/connection.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

class StatusQuery {
 public:
  base::Task<base::Result<ha::ServerStatus>> ask(Site& site, base::Instant deadline);

 private:
  // A standby that lost its receiver no longer says in SQL which timeline it replays, only to a replication
  // connection. Timelines only grow while a server lives, so the newest one seen since it started still
  // holds.
  base::Task<pg::Timeline> newest_timeline(Site& site, const ha::ServerStatus& status,
                                           base::Instant deadline);
  std::optional<base::WallTime> started_at_;
  pg::Timeline newest_ = 0;
  std::optional<base::Instant> identified_at_;
};

}  // namespace holdfast::postgres
