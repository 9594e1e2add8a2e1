// Quick changes to a running server.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ha/instance.hpp"
#include "patroni/node_config.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

base::Task<base::Result<void>> follow_upstream(Site& site, std::optional<ha::Upstream> upstream,
                                               base::Instant deadline);
base::Task<base::Result<void>> change_synchronous_standby_names(Site& site, std::string value,
                                                                base::Instant deadline);
base::Task<base::Result<void>> change_settings(Site& site, patroni::PostgresSettings settings,
                                               base::Instant deadline);
base::Task<base::Result<void>> make_checkpoint(Site& site, base::Instant deadline);

}  // namespace holdfast::postgres
