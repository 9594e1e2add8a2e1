#include "words.hpp"

#include <charconv>
#include <fmt/format.h>
#include <optional>

namespace holdfast::policy_tests {
namespace {

std::size_t closing_quote(std::string_view text, std::size_t open) {
  const auto close = text.find('"', open + 1);
  if (close == std::string_view::npos) throw Misspelt("a quotation mark is not closed");
  return close;
}

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Words::Words(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
    } else if (text[i] == ',') {
      if (words_.empty()) throw Misspelt("a comma where a word was expected");
      words_.back().comma_after = true;
      ++i;
    } else if (text[i] == '"') {
      const auto close = closing_quote(text, i);
      words_.push_back({.text = std::string(text.substr(i + 1, close - i - 1)), .quoted = true});
      i = close + 1;
    } else {
      const auto stop = std::min(text.find_first_of(" ,\"", i), text.size());
      words_.push_back({.text = std::string(text.substr(i, stop - i))});
      i = stop;
    }
  }
}

bool Words::take(std::string_view expected) {
  const auto before = next_;
  for (const Words wanted(expected); const auto& word : wanted.words_) {
    if (done() || quoted() || words_[next_].text != word.text) {
      next_ = before;
      return false;
    }
    ++next_;
  }
  return true;
}

std::string Words::next(std::string_view what) {
  if (done()) throw Misspelt(fmt::format("{} is missing at the end", what));
  return words_[next_++].text;
}

std::vector<Words> Words::items() {
  std::vector<Words> items;
  for (bool fresh = true; next_ < words_.size(); ++next_) {
    if (fresh) items.push_back(Words());
    items.back().words_.push_back(words_[next_]);
    fresh = words_[next_].comma_after;
  }
  return items;
}

void Words::end() const {
  if (!done()) throw Misspelt(fmt::format("'{}' is not understood here", words_[next_].text));
}

bool Words::at_lsn() const { return !done() && pg::parse_lsn(words_[next_].text).has_value(); }

pg::Lsn Words::lsn() {
  const auto word = next("a WAL position");
  const auto lsn = pg::parse_lsn(word);
  if (!lsn) throw Misspelt(fmt::format("'{}' is no WAL position like 0/3000060", word));
  return *lsn;
}

int Words::number() {
  const auto word = next("a number");
  const auto value = whole_number(word);
  if (!value) throw Misspelt(fmt::format("'{}' is no number", word));
  return *value;
}

base::Duration Words::duration() {
  const auto word = next("a time");
  std::string_view text(word);
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto amount = whole_number(text.substr(0, digits));
  const auto unit = text.substr(digits);
  if (amount && unit == "ms") return std::chrono::milliseconds(*amount);
  if (amount && unit == "s") return std::chrono::seconds(*amount);
  if (amount && unit == "min") return std::chrono::minutes(*amount);
  throw Misspelt(fmt::format("'{}' is no time like 100ms, 2s or 30min", word));
}

std::vector<std::string> columns(std::string_view text) {
  std::vector<std::string> found(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "  ") {
      if (!found.back().empty()) found.emplace_back();
      continue;
    }
    if (text[i] == '"') {
      const auto close = closing_quote(text, i);
      found.back() += text.substr(i, close - i + 1);
      i = close;
    } else if (text[i] != ' ' || !found.back().empty()) {
      found.back() += text[i];
    }
  }
  for (auto& column : found)
    while (column.ends_with(' ')) column.pop_back();
  if (found.back().empty()) found.pop_back();
  return found;
}

}  // namespace holdfast::policy_tests
