#include "main/node_files.hpp"

#include <algorithm>
#include <filesystem>

#include "main/environment.hpp"
#include "patroni/dynamic_config.hpp"
#include "patroni/json_text.hpp"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

base::Result<patroni::YamlNode> read_file(const std::string& path) {
  const auto text = read_text_file(path);
  if (!text) return std::unexpected(text.error());
  return patroni::parse_yaml_map(*text, path);
}

base::Result<patroni::YamlNode> read_directory(const std::string& path) {
  std::vector<std::string> files;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(path, failed)) {
    const auto extension = entry.path().extension();
    if ((extension == ".yml" || extension == ".yaml") && entry.is_regular_file(failed))
      files.push_back(entry.path().string());
  }
  if (failed || files.empty())
    return base::fail(base::ErrorKind::invalid, "{}: {}", path,
                      failed ? failed.message() : "there is no file named *.yml or *.yaml");
  std::ranges::sort(files);
  patroni::YamlNode merged{.kind = patroni::YamlNode::Kind::map};
  for (const auto& file : files) {
    auto tree = read_file(file);
    if (!tree) return tree;
    patroni::set_places(*tree, fs::path(file).filename().string());
    patroni::merge_yaml(merged, std::move(*tree));
  }
  return merged;
}

base::Result<patroni::LoadedConfig> load_from(const std::string& path) {
  const auto environment = process_environment();
  std::error_code failed;
  if (!path.empty() && fs::exists(path, failed)) {
    auto tree = fs::is_directory(path, failed) ? read_directory(path) : read_file(path);
    if (!tree) return std::unexpected(tree.error());
    return patroni::load_config(std::move(*tree), path, environment);
  }
  const auto given = environment.find(patroni::kConfigurationVariable);
  if (given != environment.end() && !given->second.empty())
    return patroni::load_config(given->second, patroni::kConfigurationVariable, environment);
  if (!path.empty()) return std::unexpected(read_text_file(path).error());
  return patroni::load_config("", "environment", environment);
}

// From where this program was started, which it never leaves.
void make_absolute(std::string& path) {
  std::error_code failed;
  if (!path.empty())
    if (const auto absolute = fs::absolute(path, failed); !failed)
      path = absolute.lexically_normal().string();
}

// Written by us, or by Patroni, into a data directory that may not exist yet.
void recall_dynamic_config(patroni::LoadedConfig& loaded) {
  const auto path = loaded.config.postgresql.data_dir + "/" + patroni::kDynamicConfigFile;
  const auto text = read_text_file(path);
  if (!text) return;
  auto parsed = patroni::parse_json_object(*text);
  if (parsed)
    loaded.config.remembered_dynamic = std::move(*parsed);
  else
    loaded.warnings.push_back(fmt::format("{} is ignored: {}", path, parsed.error().message));
}

}  // namespace

base::Result<patroni::LoadedConfig> load_node_config(const std::string& path) {
  auto loaded = load_from(path);
  if (!loaded) return loaded;
  auto& postgresql = loaded->config.postgresql;
  for (auto* entry : {&postgresql.data_dir, &postgresql.bin_dir, &postgresql.config_dir, &postgresql.pgpass})
    make_absolute(*entry);
  recall_dynamic_config(*loaded);
  return loaded;
}

}  // namespace holdfast
