#include "patroni/json_text.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

namespace holdfast::patroni {
namespace {

namespace json = boost::json;

// Decodes one character; the input is valid UTF-8, because Boost.JSON only makes and takes such strings.
char32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<char32_t>(static_cast<unsigned char>(text[i])) : 0U;
  };
  const char32_t first = byte(at++);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  char32_t c = first & (0x3FU >> more);
  for (int i = 0; i < more; ++i) c = (c << 6) | (byte(at++) & 0x3FU);
  return c;
}

void append_escaped(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    switch (c) {
      case '"':
        out += "\\\"";
        continue;
      case '\\':
        out += "\\\\";
        continue;
      case '\b':
        out += "\\b";
        continue;
      case '\f':
        out += "\\f";
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      default:
        break;
    }
    if (c >= 0x20 && c <= 0x7F)
      out += static_cast<char>(c);
    else if (c < 0x10000)
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
    else
      out += fmt::format("\\u{:04x}\\u{:04x}", static_cast<std::uint32_t>(0xD800 + ((c - 0x10000) >> 10)),
                         static_cast<std::uint32_t>(0xDC00 + ((c - 0x10000) & 0x3FF)));
  }
  out += '"';
}

// Python's repr of a float: the shortest text that reads back the same, always recognisable as a float.
std::string float_text(double number) {
  auto text = fmt::format("{}", number);
  if (std::isfinite(number) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

class Writer {
 public:
  explicit Writer(JsonLayout layout)
      : comma_(layout == JsonLayout::spaced ? ", " : ","),
        colon_(layout == JsonLayout::spaced ? ": " : ":") {}

  void write(const json::value& value) {
    switch (value.kind()) {
      case json::kind::null:
        text += "null";
        break;
      case json::kind::bool_:
        text += value.get_bool() ? "true" : "false";
        break;
      case json::kind::int64:
        text += fmt::format("{}", value.get_int64());
        break;
      case json::kind::uint64:
        text += fmt::format("{}", value.get_uint64());
        break;
      case json::kind::double_:
        text += float_text(value.get_double());
        break;
      case json::kind::string:
        append_escaped(text, value.get_string());
        break;
      case json::kind::array:
        write(value.get_array());
        break;
      case json::kind::object:
        write(value.get_object());
        break;
    }
  }

  std::string text;

 private:
  void write(const json::array& array) {
    text += '[';
    for (bool first = true; const auto& item : array) {
      if (!std::exchange(first, false)) text += comma_;
      write(item);
    }
    text += ']';
  }
  void write(const json::object& object) {
    text += '{';
    for (bool first = true; const auto& [key, value] : object) {
      if (!std::exchange(first, false)) text += comma_;
      append_escaped(text, key);
      text += colon_;
      write(value);
    }
    text += '}';
  }

  std::string_view comma_, colon_;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

std::string to_json_text(const json::value& value, JsonLayout layout) {
  Writer writer(layout);
  writer.write(value);
  return std::move(writer.text);
}

base::Result<json::value> parse_json(std::string_view text) {
  json::stream_parser parser;
  boost::system::error_code error;
  const auto used = parser.write_some(text.data(), text.size(), error);
  if (!error && used == text.size()) parser.finish(error);
  if (error)
    return base::fail(base::ErrorKind::invalid, "malformed JSON after {} bytes: {}", used, error.message());
  if (trimmed(text.substr(used)).size())
    return base::fail(base::ErrorKind::invalid, "malformed JSON: more text after the value, at byte {}",
                      used);
  return parser.release();
}

base::Result<json::object> parse_json_object(std::string_view text) {
  auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  if (!value->is_object())
    return base::fail(base::ErrorKind::invalid, "a JSON object is expected, this is {}", json_kind(*value));
  return std::move(value->get_object());
}

std::string_view json_kind(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "an object";
  }
  return "unknown";
}

std::optional<std::int64_t> integer_of(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_uint64() && std::in_range<std::int64_t>(value.get_uint64()))
    return static_cast<std::int64_t>(value.get_uint64());
  if (value.is_double() && std::abs(value.get_double()) < 9e18) return std::llround(value.get_double());
  if (!value.is_string()) return std::nullopt;
  auto text = trimmed(value.get_string());
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<bool> boolean_word(std::string_view word) {
  std::string lower(word);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  for (const auto* yes : {"on", "true", "yes", "1"})
    if (lower == yes) return true;
  for (const auto* no : {"off", "false", "no", "0"})
    if (lower == no) return false;
  return std::nullopt;
}

std::optional<bool> boolean_of(const json::value& value) {
  if (value.is_bool()) return value.get_bool();
  const auto text = scalar_text(value);
  return text ? boolean_word(*text) : std::nullopt;
}

std::optional<std::string> scalar_text(const json::value& value) {
  switch (value.kind()) {
    case json::kind::bool_:
      return value.get_bool() ? "True" : "False";
    case json::kind::int64:
      return fmt::format("{}", value.get_int64());
    case json::kind::uint64:
      return fmt::format("{}", value.get_uint64());
    case json::kind::double_:
      return float_text(value.get_double());
    case json::kind::string:
      return std::string(std::string_view(value.get_string()));
    default:
      return std::nullopt;
  }
}

}  // namespace holdfast::patroni
