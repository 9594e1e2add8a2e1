// Bringing a crashed instance to a clean end before it is compared or rewound, without losing WAL on the way.
#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "pg/control_data.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

bool ended_cleanly(const pg::ControlData& control);

// Hands WAL that still waits for it to archive_command, in order, as the archiver would have: after a rewind
// nobody else would, and the history that it leads to may be needed for a recovery to a point in time. What
// fails is left for later.
base::Task<void> archive_waiting_wal(Site& site);

// The same for the file in which a primary ended cleanly, full or not. conflict: it runs, or did not end so.
base::Task<base::Result<void>> archive_last_segment(Site& site);

// Crash recovery in single-user mode, which no client can reach. A standby's signal file must be gone before.
// https://www.postgresql.org/docs/15/app-postgres.html#APP-POSTGRES-SINGLE-USER
base::Task<base::Result<void>> recover_from_crash(Site& site);

}  // namespace holdfast::postgres
