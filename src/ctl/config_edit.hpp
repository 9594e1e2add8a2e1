// Changes of the dynamic configuration, as edit-config takes them; pure.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace holdfast::ctl {

// "ttl=20", "postgresql.parameters.shared_preload_libraries=x": the value is YAML, null removes the key and
// the maps that become empty with it. Below postgresql.parameters a dot belongs to the parameter's name.
base::Result<void> set_value(boost::json::object& config, std::string_view pair);

// The map that a YAML text is. invalid: it is none; `name` names the text in the message.
base::Result<boost::json::object> config_from_yaml(std::string_view text, std::string_view name);

}  // namespace holdfast::ctl
