// Asking another member for its history over a replication connection.
#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ha/instance.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

base::Task<base::Result<ha::UpstreamTimeline>> inspect_upstream(Site& site, ha::Upstream upstream,
                                                                base::Instant deadline);

}  // namespace holdfast::postgres
