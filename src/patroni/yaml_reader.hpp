// Typed reading of a YAML file. Every complaint names the file, the key's path, its line, what was expected
// and what was found; all complaints of a file are collected, and reading goes on with the defaults.
//
//   auto file = YamlReader::parse(text, "node.yml");
//   if (!file) return file.error();             // no YAML at all
//   YamlMap root = file->root();
//   root.required("scope", config.scope, "a name for the cluster");
//   YamlMap rest = root.section("restapi");
//   rest.text("certfile", config.certfile);
//   rest.unsupported({"allowlist"});            // known, but without effect here
//   auto report = file->finish();               // also looks for keys that nobody asked for
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "patroni/yaml_node.hpp"

namespace holdfast::patroni {

struct YamlReport {
  std::vector<std::string> errors;    // the configuration cannot be used
  std::vector<std::string> warnings;  // it can, but something in it has no effect
};

class YamlMap;

class YamlReader {
 public:
  static base::Result<YamlReader> parse(std::string_view text, std::string file_name);
  YamlReader(YamlNode root, std::string file_name);

  YamlMap root();
  // For overrides, before anything is read.
  YamlNode& tree() { return *tree_; }
  // "node.yml: postgresql.data_dir (line 12): message"; an empty place is left out.
  void error(std::string_view path, std::string_view place, std::string_view message);
  void warning(std::string_view path, std::string_view place, std::string_view message);
  bool has_errors() const { return !report_.errors.empty(); }

  // Adds a warning for every key in the sections read that was neither asked for nor declared known.
  YamlReport finish();

 private:
  friend class YamlMap;
  // A map that was read, with the keys that were asked for.
  struct Section {
    const YamlNode* node = nullptr;  // absent: the file does not have it
    std::string path;
    std::set<std::string, std::less<>> known;
    bool any_key = false;
  };

  Section& section_at(const YamlNode* node, std::string path);
  std::string complaint(std::string_view path, std::string_view place, std::string_view message) const;

  std::unique_ptr<YamlNode> tree_;
  std::string file_name_;
  std::vector<std::unique_ptr<Section>> sections_;
  YamlReport report_;
};

// One map of the file; an absent one reads as empty. Valid as long as its reader stays where it is.
// Every read says with `true` that a value was there and taken.
class YamlMap {
 public:
  bool present() const { return section_->node != nullptr; }
  bool has(std::string_view key);  // there, and not empty

  bool text(std::string_view key, std::string& into);
  bool flag(std::string_view key, bool& into);
  bool flag(std::string_view key, std::optional<bool>& into);
  bool integer(std::string_view key, std::int64_t minimum, std::int64_t maximum, std::int64_t& into);
  bool port(std::string_view key, std::uint16_t& into);
  // A word of a fixed set.
  template <class T>
  bool choice(std::string_view key, std::span<const std::pair<std::string_view, T>> choices, T& into);
  // A list of texts; a lone text is a list of one.
  bool texts(std::string_view key, std::vector<std::string>& into);
  // As texts, but a lone text is split at commas.
  bool comma_texts(std::string_view key, std::vector<std::string>& into);
  bool required(std::string_view key, std::string& into, std::string_view what);
  YamlMap section(std::string_view key);
  std::vector<YamlMap> sections(std::string_view key);  // a list of maps

  // The value itself, for what has no reader here; absent when it is not there or empty.
  const YamlNode* node(std::string_view key);
  std::vector<std::string> keys() const;

  void known(std::initializer_list<std::string_view> keys);        // read elsewhere, or harmless to ignore
  void unsupported(std::initializer_list<std::string_view> keys);  // warns for each that is there
  void any_key() { section_->any_key = true; }

  void error(std::string_view key, std::string_view message);
  void warning(std::string_view key, std::string_view message);
  void missing(std::string_view key, std::string_view what);
  // "EXPECTED is expected, found WHAT IS THERE"
  void mismatch(std::string_view key, std::string_view expected);
  const std::string& path() const { return section_->path; }

 private:
  friend class YamlReader;
  YamlMap(YamlReader& reader, YamlReader::Section& section) : reader_(&reader), section_(&section) {}
  std::string path_of(std::string_view key) const;
  std::string_view place_of(std::string_view key) const;
  const YamlNode* scalar(std::string_view key, std::string_view expected);
  bool choose(std::string_view key, std::span<const std::string_view> words, std::size_t& chosen);

  YamlReader* reader_;
  YamlReader::Section* section_;
};

template <class T>
bool YamlMap::choice(std::string_view key, std::span<const std::pair<std::string_view, T>> choices, T& into) {
  std::vector<std::string_view> words;
  for (const auto& [word, value] : choices) words.push_back(word);
  std::size_t chosen = 0;
  if (!choose(key, words, chosen)) return false;
  into = choices[chosen].second;
  return true;
}

// The candidate that `word` was probably meant to be; empty when none is near.
std::string nearest(std::string_view word, const std::set<std::string, std::less<>>& candidates);

}  // namespace holdfast::patroni
