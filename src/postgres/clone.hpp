// Copying another member's data with pg_basebackup.
#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "ha/instance.hpp"
#include "ports/postgres.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

base::Task<base::Result<void>> clone_cluster(Site& site, ha::Upstream source,
                                             ports::Postgres::CloneOptions options,
                                             ports::ReportProgress report);

}  // namespace holdfast::postgres
