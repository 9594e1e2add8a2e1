#include "ctl/yaml_scalar.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <string_view>

#include "patroni/timestamp.hpp"
#include "patroni/yaml_node.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;

constexpr std::size_t kWidth = 200;  // patronictl's; lines go on to the end of the word that passes it

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Whether a reader would take the unquoted text for something else than text.
bool reads_as_other(const std::string& text) {
  if (text == "<<" || text == "=") return true;
  if (text.size() >= 10 && std::ranges::count(text, '-') >= 2 &&
      std::ranges::all_of(text.substr(0, 4), is_digit))
    return text.size() == 10 || patroni::parse_timestamp(text).has_value();  // a date
  const patroni::YamlNode plain{.kind = patroni::YamlNode::Kind::scalar, .text = text};
  return !patroni::to_json(plain).is_string();
}

bool may_be_plain(const std::string& text, YamlLayout layout) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (std::string_view("#,[]{}&*!|>'\"%@`").contains(text.front())) return false;
  const auto second = text.size() > 1 ? text[1] : ' ';
  if (std::string_view("-?:").contains(text.front()) && second == ' ') return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;
  if (text.contains(": ") || text.contains(" #")) return false;
  if (layout == YamlLayout::flow && text.find_first_of(",?[]{}:") != std::string::npos) return false;
  return !reads_as_other(text);
}

// Characters that only a double-quoted scalar can have.
bool is_special(char c) { return (c >= 0 && c < ' ' && c != '\n') || c == '\x7f'; }

// PyYAML quotes a text that begins with a line end like others; yaml-cpp would not read it back as it was.
bool is_single_quotable(const std::string& text) {
  return !text.starts_with('\n') && std::ranges::none_of(text, is_special) && !text.contains(" \n") &&
         !text.contains("\n ");
}

// Writes a scalar and knows in which column it is.
class Writer {
 public:
  explicit Writer(const ScalarPlace* place) : place_(place), column_(place ? place->column : 0) {}

  void write(std::string_view text) {
    out_ += text;
    column_ += static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
  }
  bool is_full(std::size_t more = 0) const { return place_ && column_ + more > kWidth; }
  void new_line() {
    out_ += '\n';
    out_.append(place_ ? place_->indent : 0, ' ');
    column_ = place_ ? place_->indent : 0;
  }
  void blank_lines(std::size_t count) { out_.append(count, '\n'); }
  std::string text() && { return std::move(out_); }

 private:
  const ScalarPlace* place_;
  std::size_t column_;
  std::string out_;
};

// Words and the blanks between them; a lone blank may become the end of a line.
void write_words(Writer& writer, std::string_view text, bool quoted) {
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    auto end = c == ' ' || c == '\n' ? text.find_first_not_of(c, at) : text.find_first_of(" \n", at);
    end = std::min(end, text.size());
    const auto piece = text.substr(at, end - at);
    if (c == '\n') {
      // One line end in the scalar is a blank, so each that is meant needs one more.
      writer.blank_lines(piece.size());
      writer.new_line();
    } else if (c == ' ') {
      const bool at_edge = quoted && (at == 0 || end == text.size());
      if (piece.size() == 1 && writer.is_full() && !at_edge)
        writer.new_line();
      else
        writer.write(piece);
    } else {
      for (const char letter : piece) {
        if (quoted && letter == '\'') writer.write("'");
        writer.write(std::string_view(&letter, 1));
      }
    }
    at = end;
  }
}

std::string escaped(unsigned char c) {
  switch (c) {
    case '\0':
      return "\\0";
    case '\a':
      return "\\a";
    case '\b':
      return "\\b";
    case '\t':
      return "\\t";
    case '\n':
      return "\\n";
    case '\v':
      return "\\v";
    case '\f':
      return "\\f";
    case '\r':
      return "\\r";
    case '\x1b':
      return "\\e";
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    default:
      return fmt::format("\\x{:02X}", c);
  }
}

// Lines end in a backslash, and those that would begin with a blank have one in front of it.
void write_double_quoted(Writer& writer, std::string_view text) {
  writer.write("\"");
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"' || c == '\\' || c == '\n' || is_special(c)) {
      writer.write(text.substr(start, at - start));
      writer.write(escaped(static_cast<unsigned char>(c)));
      start = at + 1;
    }
    const bool may_end = at > 0 && at + 1 < text.size() && (c == ' ' || start > at);
    const auto waiting = at > start ? at - start : 0;
    if (!may_end || !writer.is_full(waiting)) continue;
    writer.write(text.substr(std::min(start, at), waiting));
    writer.write("\\");
    start = std::max(start, at);
    writer.new_line();
    if (start < text.size() && text[start] == ' ') writer.write("\\");
  }
  writer.write(text.substr(std::min(start, text.size())));
  writer.write("\"");
}

}  // namespace

std::string yaml_scalar(const std::string& text, YamlLayout layout, const ScalarPlace* place) {
  Writer writer(place);
  const bool one_line_only = place == nullptr && text.contains('\n');
  if (!text.contains('\n') && std::ranges::none_of(text, is_special) && may_be_plain(text, layout)) {
    write_words(writer, text, false);
  } else if (is_single_quotable(text) && !one_line_only) {
    writer.write("'");
    write_words(writer, text, true);
    writer.write("'");
  } else {
    write_double_quoted(writer, text);
  }
  return std::move(writer).text();
}

}  // namespace holdfast::ctl
