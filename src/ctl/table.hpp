// Rows under named columns, printed as people or programs want them; patronictl's layouts.
#pragma once

#include <boost/json/array.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::ctl {

enum class Format { pretty, topology, tsv, json, yaml };

struct Table {
  std::vector<std::string> columns;
  std::vector<boost::json::array> rows;  // one value for each column; "" is nothing
  std::set<std::string> right_aligned;   // columns
  std::string title;                     // for the first line of a pretty table; may be empty
  bool omit_empty = false;               // in JSON and YAML: values that are nothing are left out
  bool header = true;                    // tells the columns' names; in JSON and YAML: rows have keys
};

// Ends with a newline. `delimiter`: between the columns of tsv.
std::string render(const Table& table, Format format, std::string_view delimiter = "\t");

}  // namespace holdfast::ctl
