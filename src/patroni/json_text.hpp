// JSON as the tools around Patroni write and read it: Python's json module.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace holdfast::patroni {

// The two layouts that Patroni uses: {"a":1,"b":2} in etcd, {"a": 1, "b": 2} over REST. Characters outside of
// ASCII are escaped in both, as json.dumps does. https://docs.python.org/3/library/json.html
enum class JsonLayout { compact, spaced };

std::string to_json_text(const boost::json::value& value, JsonLayout layout);

// invalid: with the place of the first error. Never throws, whatever the text is.
base::Result<boost::json::value> parse_json(std::string_view text);
// The same, for a text that must be an object; the error says what it is instead.
base::Result<boost::json::object> parse_json_object(std::string_view text);

// "a number", "an object": for messages.
std::string_view json_kind(const boost::json::value& value);

// Patroni takes most values as text too: 10 and "10", true and "on". Absent when it is neither.
std::optional<std::int64_t> integer_of(const boost::json::value& value);
std::optional<bool> boolean_of(const boost::json::value& value);
// "on", "true", "yes", "1" and their opposites, whatever their case.
std::optional<bool> boolean_word(std::string_view word);
// A number, string or boolean as the text that Python's str() makes of it; absent for others and null.
std::optional<std::string> scalar_text(const boost::json::value& value);

}  // namespace holdfast::patroni
