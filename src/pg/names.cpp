#include "pg/names.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace holdfast::pg {
namespace {

constexpr std::size_t kNameBytes = 63;  // NAMEDATALEN - 1

struct CodePoint {
  std::uint32_t value;
  std::size_t bytes;
};

// Bytes that are no valid UTF-8 stand for themselves.
CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t bytes = byte(0) < 0xc0 ? 1 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
  if (bytes == 1 || text.size() < bytes) return {byte(0), 1};
  std::uint32_t value = byte(0) & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {byte(0), 1};
    value = (value << 6) | (byte(i) & 0x3fu);
  }
  return {value, bytes};
}

// Of the alphabets that have their capitals at a fixed distance, or paired with the small letters: Latin,
// Greek, Cyrillic.
std::uint32_t lower_case(std::uint32_t c) {
  const auto within = [c](std::uint32_t first, std::uint32_t last) { return c >= first && c <= last; };
  if (within('A', 'Z') || (within(0xc0, 0xde) && c != 0xd7) || within(0x391, 0x3a9) || within(0x410, 0x42f))
    return c + 32;
  if (within(0x400, 0x40f)) return c + 80;
  const bool even_capitals = within(0x100, 0x137) && c != 0x130;
  const bool odd_capitals = within(0x139, 0x148) || within(0x179, 0x17e);
  if (even_capitals || within(0x14a, 0x177)) return c | 1;
  return odd_capitals && c % 2 == 1 ? c + 1 : c;
}

}  // namespace

std::string slot_name(std::string_view member_name) {
  std::string name;
  while (!member_name.empty()) {
    const auto [character, bytes] = first_code_point(member_name);
    const auto value = lower_case(character);
    member_name.remove_prefix(bytes);
    if (value == '-' || value == '.')
      name += '_';
    else if ((value >= 'a' && value <= 'z') || (value >= '0' && value <= '9') || value == '_')
      name += static_cast<char>(value);
    else
      name += fmt::format("u{:04}", value);
  }
  if (name.size() > kNameBytes) name.resize(kNameBytes);
  return name;
}

bool is_slot_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string wal_file_name(Timeline timeline, Lsn lsn, std::uint64_t segment_size) {
  const auto segment = lsn.value / segment_size;
  const auto per_4_gb = (std::uint64_t{1} << 32) / segment_size;
  return fmt::format("{:08X}{:08X}{:08X}", timeline, segment / per_4_gb, segment % per_4_gb);
}

std::string history_file_name(Timeline timeline) { return fmt::format("{:08X}.history", timeline); }

}  // namespace holdfast::pg
