// Making a new cluster: initdb, first start, users, the user's own script.
#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "ha/instance.hpp"
#include "ports/postgres.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

base::Task<base::Result<ha::SystemId>> bootstrap_cluster(Site& site, ports::ReportProgress report);

}  // namespace holdfast::postgres
