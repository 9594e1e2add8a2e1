#include "ctl/yaml_text.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "ctl/yaml_scalar.hpp"
#include "patroni/json_text.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;

std::string leaf(const json::value& value, YamlLayout layout, const ScalarPlace* place = nullptr) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  if (value.is_string()) return yaml_scalar(std::string(std::string_view(value.get_string())), layout, place);
  if (value.is_object()) return "{}";
  if (value.is_array()) return "[]";
  auto number = patroni::scalar_text(value).value_or("null");
  // YAML 1.1 wants a dot in every float: 1e+100 would be read as text.
  if (const auto e = number.find('e'); value.is_double() && e != std::string::npos && !number.contains('.'))
    number.insert(e, ".0");
  return number;
}

bool is_branch(const json::value& value) {
  return (value.is_object() && !value.get_object().empty()) ||
         (value.is_array() && !value.get_array().empty());
}

std::vector<json::object::const_iterator> sorted(const json::object& object) {
  std::vector<json::object::const_iterator> entries;
  for (auto it = object.begin(); it != object.end(); ++it) entries.push_back(it);
  std::ranges::sort(entries, {}, [](const auto& it) { return std::string_view(it->key()); });
  return entries;
}

std::string flow(const json::value& value) {
  if (!is_branch(value)) return leaf(value, YamlLayout::flow);
  std::string out;
  if (value.is_array()) {
    for (const auto& item : value.get_array()) out += (out.empty() ? "[" : ", ") + flow(item);
    return out + "]";
  }
  for (const auto& it : sorted(value.get_object()))
    out += (out.empty() ? "{" : ", ") + yaml_scalar(std::string(it->key()), YamlLayout::flow) + ": " +
           flow(it->value());
  return out + "}";
}

// After a key or a dash that stands at `indent`.
std::string leaf_at(const json::value& value, std::size_t column, std::size_t indent) {
  const ScalarPlace place{column, indent + 2};
  return leaf(value, YamlLayout::block, &place);
}

// The lines of a branch; the first one gets no indentation when it follows a "- ".
void block(const json::value& value, std::size_t indent, bool indent_first, std::string& out) {
  const auto begin_line = [&] {
    if (indent_first) out.append(indent, ' ');
    indent_first = true;
  };
  if (value.is_array()) {
    for (const auto& item : value.get_array()) {
      begin_line();
      out += "- ";
      if (is_branch(item))
        block(item, indent + 2, false, out);
      else
        out += leaf_at(item, indent + 2, indent) + "\n";
    }
    return;
  }
  for (const auto& it : sorted(value.get_object())) {
    begin_line();
    const auto key = yaml_scalar(std::string(it->key()), YamlLayout::block) + ":";
    out += key;
    if (!is_branch(it->value())) {
      out += " " + leaf_at(it->value(), indent + key.size() + 1, indent) + "\n";
      continue;
    }
    out += "\n";
    // A list in a map is not indented further, as PyYAML has it.
    block(it->value(), it->value().is_array() ? indent : indent + 2, true, out);
  }
}

}  // namespace

std::string to_yaml(const json::value& value, YamlLayout layout) {
  if (layout == YamlLayout::flow) return flow(value) + "\n";
  if (!is_branch(value)) return leaf(value, layout) + "\n";
  std::string out;
  block(value, 0, true, out);
  return out;
}

}  // namespace holdfast::ctl
