// A YAML file as a tree of values that remember where they came from.
#pragma once

#include <boost/json/fwd.hpp>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace holdfast::patroni {

struct YamlNode {
  enum class Kind { null, scalar, list, map };
  struct Entry;

  Kind kind = Kind::null;
  std::string text;     // of a scalar, as written
  bool quoted = false;  // '5' is text, 5 is a number
  std::string place;    // "line 12", or "from PATRONI_SCOPE"
  std::vector<YamlNode> list;
  std::vector<Entry> map;  // in the order of the file

  const YamlNode* find(std::string_view key) const;
};

struct YamlNode::Entry {
  std::string key;
  YamlNode value;
};

// invalid: malformed YAML, a key given twice, more than one document, or far more than any configuration has
// (1 MB, 100 000 values with aliases expanded); the message names file, line and column. Merge keys (<<) are
// followed.
base::Result<YamlNode> parse_yaml(std::string_view text, std::string_view file_name);

// The same, for a text that must be a map of keys; an empty one is an empty map.
base::Result<YamlNode> parse_yaml_map(std::string_view text, std::string_view file_name);

// What a later file of a directory says over the earlier ones: maps merge, null removes, all else replaces.
void merge_yaml(YamlNode& into, YamlNode later);
// Names the file in every place, where a configuration has several.
void set_places(YamlNode& root, std::string_view file_name);

// Sets the value at "postgresql.listen", making the maps on the way; replaces what is there.
void set_yaml(YamlNode& root, std::string_view path, YamlNode value);

// The JSON that Patroni makes of it: unquoted yes/no/on/off are booleans, numbers are numbers (YAML 1.1,
// https://yaml.org/type/); dates stay text.
boost::json::value to_json(const YamlNode& node);

// "a list", "the text \"12\"", "nothing": for messages.
std::string describe(const YamlNode& node);

}  // namespace holdfast::patroni
