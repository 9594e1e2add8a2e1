// Starting, stopping and promoting the server.
#pragma once

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ports/postgres.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

base::Task<base::Result<void>> start_server(Site& site, ports::Postgres::StartOptions options);
// As a primary, although the directory is still marked incomplete: a bootstrap's first start.
base::Task<base::Result<void>> start_unfinished_server(Site& site);
// With a configuration file of the caller's and nothing else on its command line. Returns when the server
// accepts writes, after whatever recovery the file and the directory ask for; that may take hours.
base::Task<base::Result<void>> start_until_writable(Site& site, std::string config_file);
base::Task<base::Result<void>> stop_server(Site& site, ports::StopMode mode, base::Instant deadline);
base::Task<base::Result<void>> promote_server(Site& site);

}  // namespace holdfast::postgres
