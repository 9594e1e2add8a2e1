// Making a replica by a command of the user's: restoring a backup, copying a snapshot.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/task.hpp"
#include "ha/instance.hpp"
#include "patroni/postgres_commands.hpp"
#include "ports/postgres.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

// The command finds the data directory free (nothing there, or empty), or with keep_data as it is. What was
// there otherwise is put aside before and, should the command fail, back. `source` may be without a name.
base::Task<base::Result<void>> run_replica_method(Site& site, patroni::ReplicaMethod method,
                                                  ha::Upstream source, const ports::ReportProgress& report);

// After data was put into `directory` by whatever means: it belongs to this member now, and starts as a
// standby.
base::Result<void> make_it_a_standby(const std::string& directory, system::Owner owner);

}  // namespace holdfast::postgres
