// Replication slots of the running server, and the files of logical ones.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ha/instance.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

base::Task<base::Result<void>> create_replication_slot(Site& site, std::string name, ha::NewSlot slot,
                                                       base::Instant deadline);
base::Task<base::Result<void>> drop_replication_slot(Site& site, std::string name, base::Instant deadline);
base::Task<base::Result<void>> move_replication_slot(Site& site, std::string name, ha::SlotMove move,
                                                     base::Instant deadline);
base::Task<base::Result<std::vector<ha::SlotFile>>> fetch_slot_files(Site& site, ha::Upstream leader,
                                                                     std::set<std::string> names,
                                                                     base::Instant deadline);
base::Task<base::Result<void>> place_slot_files(Site& site, std::vector<ha::SlotFile> files);

}  // namespace holdfast::postgres
