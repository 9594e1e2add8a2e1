#include "pg/synchronous_standby_names.hpp"

#include <cctype>
#include <charconv>
#include <fmt/format.h>
#include <optional>

namespace holdfast::pg {
namespace {

std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + '"';
}

// Splits the value into words, quoted names and punctuation.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  struct Token {
    std::string text;
    bool quoted = false;
    bool operator==(std::string_view other) const { return !quoted && text == other; }
  };

  std::optional<Token> next() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    if (at_ >= text_.size()) return std::nullopt;
    if (text_[at_] == '"') return quoted_name();
    if (std::string_view("(),").find(text_[at_]) != std::string_view::npos)
      return Token{std::string(1, text_[at_++])};
    std::string word;
    while (at_ < text_.size() && std::string_view("(), \t\n\"").find(text_[at_]) == std::string_view::npos)
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(text_[at_++])));
    return Token{std::move(word)};
  }

 private:
  Token quoted_name() {
    Token token{.quoted = true};
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') break;
        ++at_;
      }
      token.text += text_[at_];
    }
    ++at_;
    return token;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::optional<int> number(const Tokens::Token& token) {
  int value = 0;
  const auto* end = token.text.data() + token.text.size();
  const auto [stop, error] = std::from_chars(token.text.data(), end, value);
  if (token.quoted || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::string synchronous_standby_names(const std::vector<std::string>& standbys) {
  if (standbys.empty()) return {};
  std::string list;
  for (const auto& name : standbys) list += (list.empty() ? "" : ",") + quoted(name);
  return standbys.size() == 1 ? list : fmt::format("{} ({})", standbys.size(), list);
}

SynchronousNames parse_synchronous_standby_names(std::string_view value) {
  Tokens tokens(value);
  std::vector<Tokens::Token> all;
  while (auto token = tokens.next()) all.push_back(std::move(*token));

  SynchronousNames result;
  std::size_t at = 0;
  bool counted = false;
  if (all.size() > 2 && (all[0] == "any" || all[0] == "first") && number(all[1])) {
    result.quorum = all[0] == "any";
    at = 1;
  }
  if (at + 1 < all.size() && number(all[at]) && all[at + 1] == "(") {
    result.count = *number(all[at]);
    counted = true;
    at += 2;
  }
  for (; at < all.size(); ++at)
    if (!(all[at] == ",") && !(all[at] == ")")) result.names.push_back(all[at].text);
  if (!counted) result.count = result.names.empty() ? 0 : 1;
  return result;
}

std::set<std::string> standbys_named(std::string_view value) {
  auto parsed = parse_synchronous_standby_names(value);
  return {parsed.names.begin(), parsed.names.end()};
}

}  // namespace holdfast::pg
