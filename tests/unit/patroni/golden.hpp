// Golden files: what a real Patroni wrote, answered and printed. tests/golden/README.md
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "patroni/dcs_values.hpp"

namespace holdfast::patroni {

// The lines of tests/golden/NAME; fails the test when there are none.
std::vector<std::string> golden_lines(std::string_view name);
// The whole of tests/golden/NAME; fails the test when there is no such file, unless it `may_be_absent`.
std::string golden_text(std::string_view name, bool may_be_absent = false);

// The recorded states: the folders of tests/golden/cluster.
std::vector<std::string> golden_clusters();
DcsContents golden_cluster(std::string_view state);
std::vector<KeyValue> golden_key_values(std::string_view state);
std::map<std::string, std::string> golden_entries(std::string_view state);  // key and value only

}  // namespace holdfast::patroni
