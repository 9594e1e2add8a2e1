#include "patroni/yaml_node.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <optional>

namespace holdfast::patroni {
namespace {

namespace json = boost::json;
std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return result;
}

template <class Number>
std::optional<Number> whole(std::string_view text, auto... how) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, how...);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> yaml_integer(std::string text) {
  std::erase(text, '_');
  bool negative = text.starts_with('-');
  std::string_view digits = text;
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || digits.front() < '0' || digits.front() > '9') return std::nullopt;
  int radix = 10;
  if (digits.starts_with("0x"))
    radix = 16;
  else if (digits.starts_with("0b"))
    radix = 2;
  else if (digits.size() > 1 && digits.front() == '0')
    radix = 8;
  if (radix == 16 || radix == 2) digits.remove_prefix(2);
  const auto number = whole<std::int64_t>(digits, radix);
  return number ? std::optional(negative ? -*number : *number) : std::nullopt;
}

// A dot is needed, as in Python: 1e3 is text.
std::optional<double> yaml_float(std::string text) {
  std::erase(text, '_');
  if (!text.contains('.') || text.find_first_not_of("+-.0123456789eE") != std::string::npos)
    return std::nullopt;
  if (text.starts_with('+')) text.erase(0, 1);
  return whole<double>(text);
}

json::value scalar_json(const YamlNode& node) {
  if (node.quoted) return json::value(node.text);
  const auto word = lower(node.text);
  if (word == "~" || word == "null") return nullptr;
  if (word == "yes" || word == "on" || word == "true") return true;
  if (word == "no" || word == "off" || word == "false") return false;
  if (const auto number = yaml_integer(node.text)) return *number;
  if (const auto number = yaml_float(node.text)) return *number;
  return json::value(node.text);
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found = std::ranges::find(map, key, &Entry::key);
  return found == map.end() ? nullptr : &found->value;
}

base::Result<YamlNode> parse_yaml_map(std::string_view text, std::string_view file_name) {
  auto tree = parse_yaml(text, file_name);
  if (!tree) return tree;
  if (tree->kind == YamlNode::Kind::null) tree->kind = YamlNode::Kind::map;  // an empty file
  if (tree->kind == YamlNode::Kind::map) return tree;
  return base::fail(base::ErrorKind::invalid,
                    "{}: a map of keys is expected (\"key: value\" lines), found {}", file_name,
                    describe(*tree));
}

void merge_yaml(YamlNode& into, YamlNode later) {
  for (auto& [key, value] : later.map) {
    const auto present = std::ranges::find(into.map, key, &YamlNode::Entry::key);
    if (value.kind == YamlNode::Kind::null) {
      if (present != into.map.end()) into.map.erase(present);
    } else if (present == into.map.end()) {
      into.map.push_back({key, std::move(value)});
    } else if (present->value.kind == YamlNode::Kind::map && value.kind == YamlNode::Kind::map) {
      merge_yaml(present->value, std::move(value));
    } else {
      present->value = std::move(value);
    }
  }
}

void set_places(YamlNode& root, std::string_view file_name) {
  root.place = fmt::format("{}, {}", file_name, root.place);
  for (auto& item : root.list) set_places(item, file_name);
  for (auto& entry : root.map) set_places(entry.value, file_name);
}

void set_yaml(YamlNode& root, std::string_view path, YamlNode value) {
  if (root.kind != YamlNode::Kind::map) root = {.kind = YamlNode::Kind::map, .place = value.place};
  const auto dot = path.find('.');
  const auto key = path.substr(0, dot);
  auto entry = std::ranges::find(root.map, key, &YamlNode::Entry::key);
  if (entry == root.map.end()) entry = root.map.insert(entry, {std::string(key), {}});
  if (dot == std::string_view::npos)
    entry->value = std::move(value);
  else
    set_yaml(entry->value, path.substr(dot + 1), std::move(value));
}

json::value to_json(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return nullptr;
    case YamlNode::Kind::scalar:
      return scalar_json(node);
    case YamlNode::Kind::list: {
      json::array array;
      for (const auto& item : node.list) array.push_back(to_json(item));
      return array;
    }
    case YamlNode::Kind::map: {
      json::object object;
      for (const auto& [key, value] : node.map) object[key] = to_json(value);
      return object;
    }
  }
  return nullptr;
}

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map of keys";
    case YamlNode::Kind::scalar:
      break;
  }
  const auto shown = node.text.size() > 60 ? node.text.substr(0, 57) + "..." : node.text;
  return node.quoted ? fmt::format("the text \"{}\"", shown) : fmt::format("\"{}\"", shown);
}

}  // namespace holdfast::patroni
