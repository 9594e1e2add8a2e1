// `slots` and `ignore_slots` of the dynamic configuration.
// https://patroni.readthedocs.io/en/latest/dynamic_configuration.html
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "ha/settings.hpp"

namespace holdfast::patroni {

// Never fails: an entry that makes no sense is reported in `problems` and left out. No slot is dropped
// meanwhile: it could be the one that was meant.
void read_slot_settings(const boost::json::object& dynamic, ha::Settings& settings,
                        std::vector<std::string>& problems);

}  // namespace holdfast::patroni
