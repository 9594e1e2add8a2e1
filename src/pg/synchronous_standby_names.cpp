#include "pg/synchronous_standby_names.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/ranges.h>
#include <optional>

namespace holdfast::pg {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool same_word(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
}

std::string quoted_name(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text.append(c == '"' ? 2 : 1, c);
  return text + '"';
}

// The tokens of PostgreSQL's own scanner for this setting (src/backend/replication/syncrep_scanner.l).
struct Token {
  enum class Kind { word, quoted, number, star, comma, open, close, end, junk };
  Kind kind = Kind::end;
  std::string text;
};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) { advance(); }

  const Token& peek() const { return token_; }
  Token take() {
    Token taken = std::move(token_);
    advance();
    return taken;
  }

 private:
  void advance() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    token_ = {};
    if (at_ == text_.size()) return;
    const char c = text_[at_];
    if (is_letter(c))
      return take_while(Token::Kind::word, [](char n) { return is_letter(n) || is_digit(n) || n == '$'; });
    if (is_digit(c)) return take_while(Token::Kind::number, is_digit);
    if (c == '"') return take_quoted();
    ++at_;
    token_.text = c;
    token_.kind = c == '*'   ? Token::Kind::star
                  : c == ',' ? Token::Kind::comma
                  : c == '(' ? Token::Kind::open
                  : c == ')' ? Token::Kind::close
                             : Token::Kind::junk;
  }

  template <class Belongs>
  void take_while(Token::Kind kind, Belongs belongs) {
    token_.kind = kind;
    while (at_ < text_.size() && belongs(text_[at_])) token_.text += text_[at_++];
  }

  void take_quoted() {
    token_.kind = Token::Kind::quoted;
    for (++at_; at_ < text_.size(); token_.text += text_[at_++]) {
      if (text_[at_] != '"') continue;
      if (!text_.substr(at_ + 1).starts_with('"')) {
        ++at_;
        return;
      }
      ++at_;
    }
    token_.kind = Token::Kind::junk;  // no closing quote
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Token token_;
};

using Kind = Token::Kind;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), scanner_(text) {}

  base::Result<SynchronousStandbys> parse() {
    SynchronousStandbys standbys;
    if (scanner_.peek().kind == Kind::end) return standbys;
    standbys.count = 1;
    Token first = scanner_.take();
    const bool keyword = first.kind == Kind::word && scanner_.peek().kind == Kind::number;
    if (keyword && same_word(first.text, "any"))
      standbys.method = SynchronousStandbys::Method::any;
    else if (keyword && !same_word(first.text, "first"))
      return unexpected(scanner_.peek());
    if (keyword) first = scanner_.take();
    const bool lone = scanner_.peek().kind == Kind::end || scanner_.peek().kind == Kind::comma;
    if (!keyword && (first.kind != Kind::number || lone))
      return list(std::move(first), std::move(standbys), Kind::end);
    const auto [end, error] =
        std::from_chars(first.text.data(), first.text.data() + first.text.size(), standbys.count);
    if (error != std::errc{} || standbys.count < 1) return unexpected(first);
    if (const Token open = scanner_.take(); open.kind != Kind::open) return unexpected(open);
    return list(scanner_.take(), std::move(standbys), Kind::close);
  }

 private:
  base::Result<SynchronousStandbys> list(Token name, SynchronousStandbys standbys, Kind closing) {
    for (;; name = scanner_.take()) {
      if (name.kind != Kind::word && name.kind != Kind::quoted && name.kind != Kind::number &&
          name.kind != Kind::star)
        return unexpected(name);
      if (name.kind == Kind::star)
        standbys.everybody = true;
      else
        standbys.names.push_back(std::move(name.text));
      const Token next = scanner_.take();
      if (next.kind == Kind::comma) continue;
      if (next.kind != closing) return unexpected(next);
      if (closing == Kind::close && scanner_.peek().kind != Kind::end) return unexpected(scanner_.peek());
      return standbys;
    }
  }

  std::unexpected<base::Error> unexpected(const Token& token) const {
    return base::fail(base::ErrorKind::invalid, "synchronous_standby_names '{}' does not parse at '{}'",
                      text_, token.kind == Kind::end ? "its end" : token.text);
  }

  std::string_view text_;
  Scanner scanner_;
};

}  // namespace

std::string to_string(const SynchronousStandbys& standbys) {
  std::vector<std::string> entries;
  for (const auto& name : standbys.names) entries.push_back(quoted_name(name));
  if (standbys.everybody) entries.emplace_back("*");
  if (standbys.count == 0 || entries.empty()) return {};
  const bool any = standbys.method == SynchronousStandbys::Method::any;
  if (entries.size() == 1 && standbys.count == 1 && !any) return entries.front();
  return fmt::format("{}{} ({})", any ? "ANY " : "", standbys.count, fmt::join(entries, ","));
}

std::string synchronous_standby_names(std::vector<std::string> names) {
  SynchronousStandbys standbys{.count = static_cast<int>(names.size())};
  standbys.names = std::move(names);
  return to_string(standbys);
}

base::Result<SynchronousStandbys> parse_synchronous_standby_names(std::string_view text) {
  return Parser(text).parse();
}

std::set<std::string> standbys_named(std::string_view text) {
  const auto parsed = parse_synchronous_standby_names(text);
  if (!parsed) return {};
  return {parsed->names.begin(), parsed->names.end()};
}

}  // namespace holdfast::pg
