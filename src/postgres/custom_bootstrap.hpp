// Making a new cluster by a command of the user's: mostly restoring a backup, up to a point in time.
#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "patroni/postgres_commands.hpp"
#include "ports/postgres.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

// Fills the data directory with the command and recovers what it left, until it accepts writes; then gives
// the configured superuser the configured password, and stops it. The directory stays marked as being filled.
base::Task<base::Result<void>> fill_with_method(Site& site, patroni::BootstrapMethod method,
                                                const ports::ReportProgress& report);

}  // namespace holdfast::postgres
