#include "sim/sync_names.hpp"

#include <algorithm>
#include <cctype>

namespace holdfast::sim {
namespace {

struct Token {
  std::string text;
  bool quoted = false;
  bool is(std::string_view other) const {
    return !quoted &&
           std::ranges::equal(text, other, [](char a, char b) { return std::tolower(a) == std::tolower(b); });
  }
  bool is_number() const {
    return !quoted && !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  }
  bool is_name() const { return quoted || (!is(",") && !is("(") && !is(")")); }
};

std::optional<std::vector<Token>> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == ' ' || c == '\t' || c == '\n') {
      ++i;
    } else if (c == ',' || c == '(' || c == ')' || c == '*') {
      tokens.push_back({std::string(1, c), false});
      ++i;
    } else if (c == '"') {
      Token name{.quoted = true};
      for (++i;; ++i) {
        if (i >= text.size()) return std::nullopt;
        if (text[i] == '"' && (i + 1 >= text.size() || text[i + 1] != '"')) break;
        if (text[i] == '"') ++i;
        name.text += text[i];
      }
      ++i;
      tokens.push_back(name);
    } else if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
      const auto end = std::min(
          text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$", i),
          text.size());
      tokens.push_back({std::string(text.substr(i, end - i)), false});
      i = end;
    } else {
      return std::nullopt;  // a hyphen outside of quotes, for one
    }
  }
  return tokens;
}

bool read_list(const std::vector<Token>& tokens, std::size_t first, std::size_t last,
               std::vector<std::string>& names) {
  for (std::size_t i = first; i < last; i += 2) {
    if (!tokens[i].is_name()) return false;
    names.push_back(tokens[i].text);
    if (i + 1 < last && !tokens[i + 1].is(",")) return false;
    if (i + 2 == last) return false;  // ends with a comma
  }
  return !names.empty();
}

}  // namespace

int SyncNames::priority(std::string_view name) const {
  // PostgreSQL compares names without regard to case (pg_strcasecmp).
  const auto same = [&](const std::string& listed) {
    return listed == "*" || std::ranges::equal(listed, name, [](char a, char b) {
             return std::tolower(a) == std::tolower(b);
           });
  };
  const auto found = std::ranges::find_if(names, same);
  if (found == names.end()) return 0;
  return method == Method::any ? 1 : static_cast<int>(found - names.begin()) + 1;
}

std::optional<SyncNames> parse_sync_names(std::string_view text) {
  const auto tokens = tokens_of(text);
  if (!tokens) return std::nullopt;
  SyncNames names;
  if (tokens->empty()) return names;
  std::size_t next = 0;
  if ((*tokens)[0].is("FIRST") || (*tokens)[0].is("ANY")) {
    names.method = (*tokens)[0].is("ANY") ? SyncNames::Method::any : SyncNames::Method::first;
    next = 1;
  }
  const bool counted =
      tokens->size() > next + 2 && (*tokens)[next].is_number() && (*tokens)[next + 1].is("(");
  if (!counted) {
    if (next != 0 && tokens->size() > 1) return std::nullopt;
    names.count = 1;
    return read_list(*tokens, 0, tokens->size(), names.names) ? std::optional(names) : std::nullopt;
  }
  names.count = std::stoul((*tokens)[next].text);
  if (names.count == 0 || !tokens->back().is(")")) return std::nullopt;
  return read_list(*tokens, next + 2, tokens->size() - 1, names.names) ? std::optional(names) : std::nullopt;
}

std::vector<std::size_t> synchronous_candidates(const SyncNames& names,
                                                const std::vector<SyncCandidate>& candidates) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& candidate = candidates[i];
    if (candidate.priority > 0 && candidate.streaming && candidate.flushed) chosen.push_back(i);
  }
  if (names.method == SyncNames::Method::any) return chosen;
  std::ranges::sort(chosen, {}, [&](std::size_t i) { return std::pair(candidates[i].priority, i); });
  if (chosen.size() > names.count) chosen.resize(names.count);
  return chosen;
}

std::optional<pg::Lsn> synchronous_position(const SyncNames& names,
                                            const std::vector<SyncCandidate>& candidates) {
  if (!names.defined()) return std::nullopt;
  std::vector<pg::Lsn> flushed;
  for (const auto i : synchronous_candidates(names, candidates)) flushed.push_back(candidates[i].flushed);
  if (flushed.size() < names.count) return std::nullopt;
  std::ranges::sort(flushed, std::greater{});
  return flushed[names.count - 1];  // FIRST: of all chosen, the oldest; ANY: what `count` of them have
}

}  // namespace holdfast::sim
