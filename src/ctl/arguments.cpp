#include "ctl/arguments.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

#include "ctl/help.hpp"
#include "ctl/options.hpp"
#include "patroni/yaml_reader.hpp"

namespace holdfast::ctl {
namespace {

using Complaint = std::unexpected<std::string>;
template <class T>
using Checked = std::expected<T, std::string>;

// An option as it stands on the command line, before anybody looked at its value.
struct Found {
  const Option* option = nullptr;
  std::string value;
};

// The options that stand before the command; their values go to an Invocation.
enum class Global { config_file, dcs_url, insecure };

std::optional<Global> global_option(std::string_view name) {
  if (name == "-c" || name == "--config-file") return Global::config_file;
  if (name == "-d" || name == "--dcs-url" || name == "--dcs") return Global::dcs_url;
  if (name == "-k" || name == "--insecure") return Global::insecure;
  return std::nullopt;
}

class Parser {
 public:
  Parser(const std::vector<std::string>& words, Face face) : words_(words), face_(face) {}

  std::expected<Invocation, Message> parse() {
    if (words_.empty()) return std::unexpected(Message{Exit::ok, help_page(face_)});
    while (next_ < words_.size()) {
      auto read = read_word();
      if (!read) return std::unexpected(usage(read.error()));
    }
    if (help_)
      return std::unexpected(
          Message{Exit::ok, result_.command ? help_page(*result_.command, face_) : help_page(face_)});
    if (!result_.command) return std::unexpected(usage("Missing command."));
    for (const auto& found : found_)
      if (auto set = take_value(found); !set) return std::unexpected(usage(set.error()));
    if (auto placed = place_words(); !placed) return std::unexpected(usage(placed.error()));
    return std::move(result_);
  }

 private:
  Message usage(const std::string& error) const {
    // click shows no usage with complaints about an option's value being there or not.
    if (error.starts_with("Option '")) return {Exit::usage, fmt::format("Error: {}\n", error)};
    const auto name = program_name(face_);
    const auto of = result_.command ? fmt::format("{} {}", name, result_.command->name) : std::string(name);
    const auto line = result_.command ? usage_line(*result_.command, face_)
                                      : fmt::format("Usage: {} [OPTIONS] COMMAND [ARGS]...\n", name);
    return {Exit::usage, fmt::format("{}Try '{} --help' for help.\n\nError: {}\n", line, of, error)};
  }

  Checked<void> read_word() {
    const auto& word = words_[next_++];
    if (!only_words_ && word == "--") {
      only_words_ = true;
      return {};
    }
    if (!only_words_ && word.starts_with("--")) return read_long(word);
    if (!only_words_ && word.size() > 1 && word.starts_with('-')) return read_short(word);
    if (result_.command) {
      positional_.push_back(word);
      return {};
    }
    const auto all = commands();
    const auto named = std::ranges::find(all, std::string_view(word), &Command::name);
    if (named == all.end()) return Complaint(fmt::format("No such command '{}'.", word));
    result_.command = &*named;
    return {};
  }

  Checked<void> read_long(const std::string& word) {
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string::npos) value = word.substr(equals + 1);
    return read_option(name, value);
  }

  // -W, -fjson, -Wf json
  Checked<void> read_short(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const auto name = fmt::format("-{}", word[i]);
      std::optional<std::string> value;
      if (takes_value(name) && i + 1 < word.size()) value = word.substr(i + 1);
      if (auto read = read_option(name, value); !read) return read;
      if (value || takes_value(name)) break;
    }
    return {};
  }

  bool takes_value(std::string_view name) const {
    if (const auto* option = find(name)) return option->value != Value::none;
    const auto global = global_option(name);
    return global && *global != Global::insecure;
  }

  const Option* find(std::string_view name) const {
    if (!result_.command) return nullptr;
    for (const auto key : result_.command->options)
      if (const auto& option = option_of(key); std::ranges::find(option.names, name) != option.names.end())
        return &option;
    return nullptr;
  }

  Checked<void> read_option(const std::string& name, std::optional<std::string> value) {
    if (name == "--help") {
      help_ = true;
      return {};
    }
    if (name == "--group") return Complaint("--group chooses a group of Citus, which is not supported here.");
    const auto* option = find(name);
    const auto global = global_option(name);
    if (!option && !global) return Complaint(unknown(name));
    if (!takes_value(name)) {
      if (value) return Complaint(fmt::format("Option '{}' does not take a value.", name));
    } else if (!value) {
      if (next_ == words_.size()) return Complaint(fmt::format("Option '{}' requires an argument.", name));
      value = words_[next_++];
    }
    if (option)
      found_.push_back({option, value.value_or("")});
    else
      take_global(*global, value.value_or(""));
    return {};
  }

  void take_global(Global global, std::string value) {
    switch (global) {
      case Global::config_file:
        result_.config_file = std::move(value);
        break;
      case Global::dcs_url:
        result_.dcs_url = std::move(value);
        break;
      case Global::insecure:
        result_.insecure = true;
        break;
    }
  }

  std::string unknown(const std::string& name) const {
    std::set<std::string, std::less<>> known = {"--config-file", "--dcs-url", "--insecure", "--help"};
    if (result_.command)
      for (const auto key : result_.command->options)
        for (const auto other : option_of(key).names) known.emplace(other);
    const auto meant = name.starts_with("--") ? patroni::nearest(name, known) : std::string();
    return fmt::format("No such option: {}{}", name,
                       meant.empty() ? "" : fmt::format(" Did you mean {}?", meant));
  }

  Checked<void> take_value(const Found& found) {
    const auto& option = *found.option;
    std::string names;
    for (const auto name : option.names) names += fmt::format("{}'{}'", names.empty() ? "" : " / ", name);
    const auto wrong = [&](std::string_view why) {
      return Complaint(fmt::format("Invalid value for {}: '{}' is not {}.", names, found.value, why));
    };
    const auto* end = found.value.data() + found.value.size();
    if (option.value == Value::number) {
      double number = 0;
      if (const auto read = std::from_chars(found.value.data(), end, number);
          read.ec != std::errc() || read.ptr != end)
        return wrong("a valid float");
    } else if (option.value == Value::integer) {
      std::int64_t number = 0;
      if (const auto read = std::from_chars(found.value.data(), end, number);
          read.ec != std::errc() || read.ptr != end)
        return wrong("a valid integer");
    } else if (option.value == Value::choice &&
               std::ranges::find(option.choices, found.value) == option.choices.end()) {
      return wrong(fmt::format("one of '{}'", fmt::join(option.choices, "', '")));
    }
    option.set(result_.arguments, found.value);
    return {};
  }

  Checked<void> place_words() {
    auto& into = result_.arguments;
    const auto takes = result_.command->takes;
    if (takes == Takes::clusters) {
      into.clusters = positional_;
      return {};
    }
    auto rest = positional_;
    if (takes == Takes::cluster_members_and_target && rest.size() > 1) {  // the last word is the target
      into.target = rest.back();
      rest.pop_back();
    }
    if (!rest.empty()) {
      into.clusters = {rest.front()};
      rest.erase(rest.begin());
    }
    return check_words(std::move(rest));
  }

  Checked<void> check_words(std::vector<std::string> rest) {
    auto& into = result_.arguments;
    const auto takes = result_.command->takes;
    const bool needs_cluster = takes == Takes::cluster || takes == Takes::cluster_and_members ||
                               takes == Takes::cluster_members_and_target;
    if (needs_cluster && into.clusters.empty()) return Complaint("Missing argument 'CLUSTER_NAME'.");
    if (takes == Takes::cluster_members_and_target) {
      if (into.target.empty())
        return Complaint("Missing argument '{restart|switchover}'. Choose from:\n\trestart,\n\tswitchover");
      if (into.target != "restart" && into.target != "switchover")
        return Complaint(fmt::format(
            "Invalid value for '{{restart|switchover}}': '{}' is not one of 'restart', 'switchover'.",
            into.target));
    }
    const bool members = takes != Takes::cluster && takes != Takes::cluster_or_scope;
    if (!members && !rest.empty())
      return Complaint(fmt::format("Got unexpected extra argument{} ({})", rest.size() > 1 ? "s" : "",
                                   fmt::join(rest, " ")));
    into.members = std::move(rest);
    return {};
  }

  const std::vector<std::string>& words_;
  Face face_;
  std::size_t next_ = 0;
  bool only_words_ = false, help_ = false;
  std::vector<Found> found_;
  std::vector<std::string> positional_;
  Invocation result_;
};

}  // namespace

std::string_view program_name(Face face) { return face == Face::patronictl ? "patronictl" : "holdfast"; }

std::expected<Invocation, Message> parse_arguments(const std::vector<std::string>& arguments, Face face) {
  return Parser(arguments, face).parse();
}

}  // namespace holdfast::ctl
