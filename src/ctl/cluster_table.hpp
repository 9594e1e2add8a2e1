// A cluster and its members, as `list` and `topology` show them.
#pragma once

#include <string>
#include <string_view>

#include "ctl/table.hpp"
#include "patroni/dcs_values.hpp"

namespace holdfast::ctl {

// Columns that nobody has anything for are left out, unless `extended`. For people (pretty, topology)
// followed by lines on pause and scheduled switchovers.
std::string show_cluster(const patroni::DcsContents& contents, std::string_view scope, Format format,
                         bool extended = false);

std::string show_history(const patroni::DcsContents& contents, Format format);

}  // namespace holdfast::ctl
