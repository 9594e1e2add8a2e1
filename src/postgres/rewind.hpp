// Bringing a diverged instance back onto its upstream's history with pg_rewind.
#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "ha/instance.hpp"
#include "ports/postgres.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

// A rewind that began to change files and did not end leaves the directory marked half_rewound.
base::Task<base::Result<void>> rewind_cluster(Site& site, ha::Upstream source, ports::ReportProgress report);

}  // namespace holdfast::postgres
