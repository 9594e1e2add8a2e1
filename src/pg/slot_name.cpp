#include "pg/slot_name.hpp"

#include <cctype>
#include <cstdint>
#include <fmt/format.h>

namespace holdfast::pg {
namespace {

struct CodePoint {
  std::uint32_t value;
  std::size_t bytes;
};

CodePoint decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
  if (length == 1 || length > text.size()) return {byte(0), 1};
  std::uint32_t value = byte(0) & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) value = (value << 6) | (byte(i) & 0x3f);
  return {value, length};
}

}  // namespace

std::string slot_name(std::string_view member) {
  std::string name;
  while (!member.empty()) {
    const auto [code, bytes] = decode_utf8(member);
    const bool ascii = code < 0x80;
    if (ascii && (std::isalnum(static_cast<int>(code)) || code == '_'))
      name += static_cast<char>(std::tolower(static_cast<int>(code)));
    else if (code == '-' || code == '.')
      name += '_';
    else
      name += fmt::format("u{:04x}", code);
    member.remove_prefix(bytes);
  }
  return name.substr(0, 63);
}

}  // namespace holdfast::pg
