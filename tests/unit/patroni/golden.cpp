#include "unit/patroni/golden.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace holdfast::patroni {
namespace {
const std::filesystem::path kGolden = HOLDFAST_SOURCE_DIR "/tests/golden";
}

std::vector<std::string> golden_lines(std::string_view name) {
  std::istringstream text(golden_text(name));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  EXPECT_FALSE(lines.empty()) << name;
  return lines;
}

std::string golden_text(std::string_view name, bool may_be_absent) {
  std::ifstream file(kGolden / name);
  EXPECT_TRUE(file || may_be_absent) << name << " cannot be read";
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> golden_clusters() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden / "cluster"))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

std::vector<KeyValue> golden_key_values(std::string_view state) {
  const auto recorded = boost::json::parse(golden_text("cluster/" + std::string(state) + "/keys.json"));
  std::vector<KeyValue> entries;
  for (const auto& item : recorded.at("entries").as_array())
    entries.push_back({std::string(item.at("key").as_string()), std::string(item.at("value").as_string()),
                       item.at("create_revision").as_int64(), item.at("mod_revision").as_int64(),
                       item.at("lease").as_int64()});
  return entries;
}

DcsContents golden_cluster(std::string_view state) {
  return read_contents(Keys("service", "batman"), 1, golden_key_values(state));
}

std::map<std::string, std::string> golden_entries(std::string_view state) {
  std::map<std::string, std::string> result;
  for (auto& entry : golden_key_values(state)) result.emplace(entry.key, entry.value);
  return result;
}

}  // namespace holdfast::patroni
