// JSON values as YAML text, in the layout of PyYAML's safe_dump: keys sorted, quotes only where needed.
// https://pyyaml.org/wiki/PyYAMLDocumentation
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

namespace holdfast::ctl {

enum class YamlLayout {
  block,  // a line for each value
  flow,   // {a: b, c: [d]} on one line
};

// Ends with a newline. In block layout lines longer than 200 characters are folded, as patronictl does.
std::string to_yaml(const boost::json::value& value, YamlLayout layout = YamlLayout::block);

}  // namespace holdfast::ctl
