// The setting that says which standbys confirm commits.
// https://www.postgresql.org/docs/15/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace holdfast::pg {

struct SynchronousStandbys {
  enum class Method { first, any };
  Method method = Method::first;
  int count = 0;                   // how many of the names must confirm; 0: the setting is empty
  std::vector<std::string> names;  // as written, unquoted, in order
  bool everybody = false;          // '*' is among them

  bool operator==(const SynchronousStandbys&) const = default;
};

// Text of the setting, as Patroni writes it: nothing, "a", 2 ("a","b"), ANY 1 ("a","b"), *. Names are always
// quoted.
std::string to_string(const SynchronousStandbys& standbys);

// All of `names` must confirm. Empty for no names.
std::string synchronous_standby_names(std::vector<std::string> names);

// Understands all that PostgreSQL does. Names compare without case, as PostgreSQL compares them.
base::Result<SynchronousStandbys> parse_synchronous_standby_names(std::string_view text);

// The names in a setting; empty when it is empty or does not parse. '*' is left out.
std::set<std::string> standbys_named(std::string_view text);

}  // namespace holdfast::pg
