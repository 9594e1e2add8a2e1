#include "ctl/config_edit.hpp"

#include <boost/json.hpp>
#include <vector>

#include "patroni/yaml_node.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;

constexpr std::string_view kBlanks = " \t\n";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && kBlanks.contains(text.front())) text.remove_prefix(1);
  while (!text.empty() && kBlanks.contains(text.back())) text.remove_suffix(1);
  return text;
}

// "postgresql.parameters.a.b" is postgresql, parameters, a.b
std::vector<std::string> path_of(std::string_view text) {
  constexpr std::string_view kParameters = "postgresql.parameters.";
  std::vector<std::string> path;
  if (text.starts_with(kParameters)) {
    path = {"postgresql", "parameters"};
    path.emplace_back(text.substr(kParameters.size()));
    return path;
  }
  for (;;) {
    const auto dot = text.find('.');
    path.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return path;
    text.remove_prefix(dot + 1);
  }
}

void set_at(json::object& config, std::span<const std::string> path, const json::value& value) {
  const auto& key = path.front();
  if (path.size() == 1) {
    // Not erase(), which moves the last key into the gap.
    if (value.is_null())
      config.stable_erase(key);
    else
      config[key] = value;
    return;
  }
  auto& below = config[key];
  if (!below.is_object()) below = json::object();
  set_at(below.get_object(), path.subspan(1), value);
  if (below.get_object().empty()) config.stable_erase(key);
}

}  // namespace

base::Result<void> set_value(json::object& config, std::string_view pair) {
  const auto equals = pair.find('=');
  if (equals == std::string_view::npos)
    return base::fail(base::ErrorKind::invalid, "Invalid parameter setting {}", pair);
  const auto value = patroni::parse_yaml(pair.substr(equals + 1), pair);
  if (!value) return std::unexpected(value.error());
  set_at(config, path_of(trimmed(pair.substr(0, equals))), patroni::to_json(*value));
  return {};
}

base::Result<json::object> config_from_yaml(std::string_view text, std::string_view name) {
  const auto parsed = patroni::parse_yaml(text, name);
  if (!parsed) return std::unexpected(parsed.error());
  if (parsed->kind != patroni::YamlNode::Kind::map)
    return base::fail(base::ErrorKind::invalid, "{}: a map of settings is expected, found {}", name,
                      patroni::describe(*parsed));
  return patroni::to_json(*parsed).get_object();
}

}  // namespace holdfast::ctl
