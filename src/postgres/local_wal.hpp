// What the local WAL says of a stopped instance: where it ends, and which timelines it went through.
#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "pg/lsn.hpp"
#include "pg/timeline_history.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

// The end of the last valid record, on the instance's newest timeline. conflict: the server runs.
base::Task<base::Result<pg::Lsn>> find_end_of_wal(Site& site, base::Instant deadline);

// From pg_wal/NNNNNNNN.history of `timeline`.
base::Result<pg::TimelineHistory> local_history(const Site& site, pg::Timeline timeline);

}  // namespace holdfast::postgres
