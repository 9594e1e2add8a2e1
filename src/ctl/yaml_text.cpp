#include "ctl/yaml_text.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "patroni/json_text.hpp"
#include "patroni/timestamp.hpp"
#include "patroni/yaml_node.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;

bool is_control(char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Whether a reader would take the unquoted text for something else than text.
bool reads_as_other(const std::string& text) {
  if (text == "<<" || text == "=") return true;
  if (text.size() >= 10 && std::ranges::count(text, '-') >= 2 &&
      std::ranges::all_of(text.substr(0, 4), is_digit))
    return text.size() == 10 || patroni::parse_timestamp(text).has_value();  // a date
  const patroni::YamlNode plain{.kind = patroni::YamlNode::Kind::scalar, .text = text};
  return !patroni::to_json(plain).is_string();
}

bool may_be_plain(const std::string& text, YamlLayout layout) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (std::string_view("#,[]{}&*!|>'\"%@`").contains(text.front())) return false;
  const auto second = text.size() > 1 ? text[1] : ' ';
  if (std::string_view("-?:").contains(text.front()) && second == ' ') return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;
  if (text.contains(": ") || text.contains(" #")) return false;
  if (layout == YamlLayout::flow && text.find_first_of(",?[]{}:") != std::string::npos) return false;
  return !reads_as_other(text);
}

std::string scalar(const std::string& text, YamlLayout layout) {
  if (std::ranges::any_of(text, is_control))
    return patroni::to_json_text(json::value(text),
                                 patroni::JsonLayout::compact);  // a double-quoted YAML scalar
  if (may_be_plain(text, layout)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string leaf(const json::value& value, YamlLayout layout) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  if (value.is_string()) return scalar(std::string(std::string_view(value.get_string())), layout);
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
    out += (out.empty() ? "{" : ", ") + scalar(std::string(it->key()), YamlLayout::flow) + ": " +
           flow(it->value());
  return out + "}";
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
        out += leaf(item, YamlLayout::block) + "\n";
    }
    return;
  }
  for (const auto& it : sorted(value.get_object())) {
    begin_line();
    out += scalar(std::string(it->key()), YamlLayout::block) + ":";
    if (!is_branch(it->value())) {
      out += " " + leaf(it->value(), YamlLayout::block) + "\n";
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
