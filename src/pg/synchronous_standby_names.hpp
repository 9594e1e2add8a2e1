// The value of synchronous_standby_names.
// https://www.postgresql.org/docs/15/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::pg {

// The value that makes every commit wait for all of `standbys`: `"a"` for one, `2 ("a","b")` for two, as
// Patroni writes it. Names are always quoted. Empty for nobody.
std::string synchronous_standby_names(const std::vector<std::string>& standbys);

struct SynchronousNames {
  int count = 0;        // how many must confirm; 0: nobody
  bool quorum = false;  // ANY instead of FIRST
  std::vector<std::string> names;
};

// Parses any value PostgreSQL accepts; one it would refuse names nobody.
SynchronousNames parse_synchronous_standby_names(std::string_view value);

// The names in it, without order.
std::set<std::string> standbys_named(std::string_view value);

}  // namespace holdfast::pg
