#include "patroni/yaml_node.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <optional>
#include <yaml-cpp/yaml.h>

namespace holdfast::patroni {
namespace {

namespace json = boost::json;
using base::ErrorKind;

constexpr std::size_t kLargestFile = 1 << 20;
constexpr int kMostNodes = 100'000;  // aliases can make a small file expand to billions of values
constexpr int kDeepest = 100;

// Converts yaml-cpp's graph; what cannot be a configuration is thrown as YAML::Exception, like its own
// errors.
class Converter {
 public:
  YamlNode convert(const YAML::Node& from, int depth = 0) {
    if (++count_ > kMostNodes || depth > kDeepest)
      throw YAML::Exception(from.Mark(), "too many values or levels for a configuration file");
    YamlNode node;
    node.place = fmt::format("line {}", from.Mark().line + 1);
    switch (from.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        break;
      case YAML::NodeType::Scalar:
        scalar(from, node);
        break;
      case YAML::NodeType::Sequence:
        node.kind = YamlNode::Kind::list;
        for (const auto& item : from) node.list.push_back(convert(item, depth + 1));
        break;
      case YAML::NodeType::Map:
        node.kind = YamlNode::Kind::map;
        map(from, node, depth);
        break;
    }
    return node;
  }

 private:
  static void scalar(const YAML::Node& from, YamlNode& node) {
    node.text = from.Scalar();
    node.quoted = from.Tag() == "!" || from.Tag() == "tag:yaml.org,2002:str";
    if (!node.quoted && node.text.empty()) return;  // "key:" alone says nothing
    node.kind = YamlNode::Kind::scalar;
  }

  void map(const YAML::Node& from, YamlNode& node, int depth) {
    std::vector<YamlNode> merged;
    for (const auto& entry : from) {
      if (!entry.first.IsScalar()) throw YAML::Exception(entry.first.Mark(), "a key must be a plain word");
      const auto& key = entry.first.Scalar();
      auto value = convert(entry.second, depth + 1);
      value.place = fmt::format("line {}", entry.first.Mark().line + 1);
      if (key == "<<") {
        merged.push_back(std::move(value));
        continue;
      }
      if (const auto* first = node.find(key))
        throw YAML::Exception(entry.first.Mark(),
                              fmt::format("the key {} is given twice, first in {}", key, first->place));
      node.map.push_back({key, std::move(value)});
    }
    for (const auto& source : merged) merge(source, node);
  }

  // https://yaml.org/type/merge.html: keys of the map itself win, then those of earlier merged maps.
  static void merge(const YamlNode& source, YamlNode& into) {
    for (const auto& part : source.list) merge(part, into);
    for (const auto& entry : source.map)
      if (!into.find(entry.key)) into.map.push_back(entry);
  }

  int count_ = 0;
};

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

base::Result<YamlNode> parse_yaml(std::string_view text, std::string_view file_name) {
  if (text.size() > kLargestFile)
    return base::fail(ErrorKind::invalid, "{}: {} bytes are too many for a configuration file", file_name,
                      text.size());
  try {
    const auto documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1)
      return base::fail(ErrorKind::invalid,
                        "{}: one YAML document is expected, there are {} (separated by ---)", file_name,
                        documents.size());
    return documents.empty() ? YamlNode{} : Converter().convert(documents.front());
  } catch (const YAML::Exception& error) {
    return base::fail(ErrorKind::invalid, "{}: line {}, column {}: malformed YAML: {}", file_name,
                      error.mark.line + 1, error.mark.column + 1, error.msg);
  } catch (const std::exception& error) {
    return base::fail(ErrorKind::invalid, "{}: malformed YAML: {}", file_name, error.what());
  }
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
