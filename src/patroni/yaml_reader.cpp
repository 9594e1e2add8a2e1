#include "patroni/yaml_reader.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/ranges.h>

#include "patroni/json_text.hpp"

namespace holdfast::patroni {
namespace {

// How many letters must be changed, added, dropped or swapped with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// A section that two parts of the program read complains twice.
void keep_once(std::vector<std::string>& complaints, std::string text) {
  if (std::ranges::find(complaints, text) == complaints.end()) complaints.push_back(std::move(text));
}

}  // namespace

std::string nearest(std::string_view word, const std::set<std::string, std::less<>>& candidates) {
  if (word.size() > 100) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : candidates)
    if (const auto distance = edit_distance(word, candidate); distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  return best;
}

base::Result<YamlReader> YamlReader::parse(std::string_view text, std::string file_name) {
  auto tree = parse_yaml_map(text, file_name);
  if (!tree) return std::unexpected(tree.error());
  return YamlReader(std::move(*tree), std::move(file_name));
}

YamlReader::YamlReader(YamlNode root, std::string file_name)
    : tree_(std::make_unique<YamlNode>(std::move(root))), file_name_(std::move(file_name)) {}

YamlMap YamlReader::root() { return {*this, section_at(tree_.get(), "")}; }

YamlReader::Section& YamlReader::section_at(const YamlNode* node, std::string path) {
  const auto same = [&](const auto& section) { return section->path == path && section->node == node; };
  const auto found = std::ranges::find_if(sections_, same);
  if (found != sections_.end()) return **found;
  return *sections_.emplace_back(std::make_unique<Section>(Section{node, std::move(path), {}, false}));
}

std::string YamlReader::complaint(std::string_view path, std::string_view place,
                                  std::string_view message) const {
  std::string text = file_name_;
  if (!path.empty()) text.append(text.empty() ? "" : ": ").append(path);
  if (!place.empty()) text.append(" (").append(place).append(")");
  return text.append(text.empty() ? "" : ": ").append(message);
}

void YamlReader::error(std::string_view path, std::string_view place, std::string_view message) {
  keep_once(report_.errors, complaint(path, place, message));
}
void YamlReader::warning(std::string_view path, std::string_view place, std::string_view message) {
  keep_once(report_.warnings, complaint(path, place, message));
}

YamlReport YamlReader::finish() {
  for (const auto& section : sections_) {
    if (section->any_key || !section->node) continue;
    for (const auto& [key, value] : section->node->map) {
      if (section->known.contains(key)) continue;
      const auto meant = nearest(key, section->known);
      warning(section->path.empty() ? key : section->path + "." + key, value.place,
              meant.empty() ? "unknown key; it has no effect"
                            : fmt::format("unknown key, did you mean {}?", meant));
    }
  }
  sections_.clear();
  return std::move(report_);
}

std::string YamlMap::path_of(std::string_view key) const {
  return section_->path.empty() ? std::string(key) : section_->path + "." + std::string(key);
}

std::string_view YamlMap::place_of(std::string_view key) const {
  const auto* value = section_->node ? section_->node->find(key) : nullptr;
  if (value) return value->place;
  return section_->node ? std::string_view(section_->node->place) : std::string_view();
}

void YamlMap::error(std::string_view key, std::string_view message) {
  reader_->error(path_of(key), place_of(key), message);
}
void YamlMap::warning(std::string_view key, std::string_view message) {
  reader_->warning(path_of(key), place_of(key), message);
}
void YamlMap::missing(std::string_view key, std::string_view what) {
  reader_->error(path_of(key), "", fmt::format("missing; {}", what));
}
void YamlMap::mismatch(std::string_view key, std::string_view expected) {
  const auto* value = section_->node ? section_->node->find(key) : nullptr;
  error(key, fmt::format("{} is expected, found {}", expected, value ? describe(*value) : "nothing"));
}

const YamlNode* YamlMap::node(std::string_view key) {
  section_->known.emplace(key);
  const auto* value = section_->node ? section_->node->find(key) : nullptr;
  const bool empty = !value || value->kind == YamlNode::Kind::null ||
                     (value->kind == YamlNode::Kind::scalar && !value->quoted &&
                      (value->text == "~" || value->text == "null"));
  return empty ? nullptr : value;
}

bool YamlMap::has(std::string_view key) { return node(key) != nullptr; }

std::vector<std::string> YamlMap::keys() const {
  std::vector<std::string> result;
  if (section_->node)
    for (const auto& entry : section_->node->map) result.push_back(entry.key);
  return result;
}

const YamlNode* YamlMap::scalar(std::string_view key, std::string_view expected) {
  const auto* value = node(key);
  if (!value || value->kind == YamlNode::Kind::scalar) return value;
  mismatch(key, expected);
  return nullptr;
}

bool YamlMap::text(std::string_view key, std::string& into) {
  const auto* value = scalar(key, "a text");
  if (value) into = value->text;
  return value != nullptr;
}

bool YamlMap::required(std::string_view key, std::string& into, std::string_view what) {
  if (!has(key)) {
    missing(key, what);
    return false;
  }
  if (!text(key, into)) return false;
  if (into.empty()) error(key, fmt::format("must not be empty; {}", what));
  return !into.empty();
}

bool YamlMap::flag(std::string_view key, bool& into) {
  const auto* value = scalar(key, "true or false");
  if (!value) return false;
  const auto word = boolean_word(value->text);
  if (!word)
    mismatch(key, "true or false");
  else
    into = *word;
  return word.has_value();
}

bool YamlMap::flag(std::string_view key, std::optional<bool>& into) {
  bool value = false;
  if (!flag(key, value)) return false;
  into = value;
  return true;
}

bool YamlMap::integer(std::string_view key, std::int64_t minimum, std::int64_t maximum, std::int64_t& into) {
  const auto expected = fmt::format("a number from {} to {}", minimum, maximum);
  const auto* value = scalar(key, expected);
  if (!value) return false;
  std::int64_t number = 0;
  const auto* end = value->text.data() + value->text.size();
  const auto parsed = std::from_chars(value->text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < minimum || number > maximum) {
    mismatch(key, expected);
    return false;
  }
  into = number;
  return true;
}

bool YamlMap::port(std::string_view key, std::uint16_t& into) {
  std::int64_t number = 0;
  if (!integer(key, 1, 65535, number)) return false;
  into = static_cast<std::uint16_t>(number);
  return true;
}

bool YamlMap::choose(std::string_view key, std::span<const std::string_view> words, std::size_t& chosen) {
  const auto expected = fmt::format("one of {}", fmt::join(words, ", "));
  const auto* value = scalar(key, expected);
  if (!value) return false;
  const auto found = std::ranges::find(words, value->text);
  if (found == words.end()) {
    mismatch(key, expected);
    return false;
  }
  chosen = static_cast<std::size_t>(found - words.begin());
  return true;
}

bool YamlMap::texts(std::string_view key, std::vector<std::string>& into) {
  const auto* value = node(key);
  if (!value) return false;
  if (value->kind == YamlNode::Kind::scalar) {
    into = {value->text};
    return true;
  }
  const bool good =
      value->kind == YamlNode::Kind::list &&
      std::ranges::all_of(value->list, [](const auto& item) { return item.kind == YamlNode::Kind::scalar; });
  if (!good) {
    mismatch(key, "a list of texts");
    return false;
  }
  into.clear();
  for (const auto& item : value->list) into.push_back(item.text);
  return true;
}

bool YamlMap::comma_texts(std::string_view key, std::vector<std::string>& into) {
  std::vector<std::string> given;
  if (!texts(key, given)) return false;
  into.clear();
  for (std::string_view rest : given) {
    while (!rest.empty()) {
      const auto comma = std::min(rest.find(','), rest.size());
      if (const auto part = trimmed(rest.substr(0, comma)); !part.empty()) into.emplace_back(part);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return true;
}

YamlMap YamlMap::section(std::string_view key) {
  const auto* value = node(key);
  if (value && value->kind != YamlNode::Kind::map) {
    mismatch(key, "a map of keys");
    value = nullptr;
  }
  return {*reader_, reader_->section_at(value, path_of(key))};
}

std::vector<YamlMap> YamlMap::sections(std::string_view key) {
  std::vector<YamlMap> result;
  const auto* value = node(key);
  if (!value) return result;
  if (value->kind != YamlNode::Kind::list) {
    mismatch(key, "a list");
    return result;
  }
  for (std::size_t i = 0; i < value->list.size(); ++i) {
    const auto& item = value->list[i];
    const auto path = fmt::format("{}[{}]", path_of(key), i);
    if (item.kind == YamlNode::Kind::map)
      result.push_back({*reader_, reader_->section_at(&item, path)});
    else
      reader_->error(path, item.place, fmt::format("a map of keys is expected, found {}", describe(item)));
  }
  return result;
}

void YamlMap::known(std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) section_->known.emplace(key);
}

void YamlMap::unsupported(std::initializer_list<std::string_view> keys) {
  for (const auto key : keys)
    if (has(key)) warning(key, "not supported yet; it has no effect");
}

}  // namespace holdfast::patroni
