#include "pg/quoting.hpp"

namespace holdfast::pg {
namespace {

std::string doubled(std::string_view text, std::string_view which) {
  std::string result;
  for (const char c : text) result.append(which.contains(c) ? 2 : 1, c);
  return result;
}

}  // namespace

std::string quote_setting(std::string_view value) {
  // A line feed would end the line, and with it the setting.
  std::string text = "'";
  for (const char c : doubled(value, "'\\")) {
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  return text + '\'';
}

std::string quote_identifier(std::string_view name) { return '"' + doubled(name, "\"") + '"'; }

std::string quote_literal(std::string_view value) {
  const auto text = '\'' + doubled(value, "'\\") + '\'';
  return value.contains('\\') ? 'E' + text : text;
}

}  // namespace holdfast::pg
