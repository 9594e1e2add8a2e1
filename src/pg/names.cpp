#include "pg/names.hpp"

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

}  // namespace

std::string slot_name(std::string_view member_name) {
  std::string name;
  while (!member_name.empty()) {
    const auto [value, bytes] = first_code_point(member_name);
    member_name.remove_prefix(bytes);
    if (value == '-' || value == '.')
      name += '_';
    else if (value >= 'A' && value <= 'Z')
      name += static_cast<char>(value - 'A' + 'a');
    else if ((value >= 'a' && value <= 'z') || (value >= '0' && value <= '9') || value == '_')
      name += static_cast<char>(value);
    else
      name += fmt::format("u{:04}", value);
  }
  if (name.size() > kNameBytes) name.resize(kNameBytes);
  return name;
}

std::string wal_file_name(Timeline timeline, Lsn lsn, std::uint64_t segment_size) {
  const auto segment = lsn.value / segment_size;
  const auto per_4_gb = (std::uint64_t{1} << 32) / segment_size;
  return fmt::format("{:08X}{:08X}{:08X}", timeline, segment / per_4_gb, segment % per_4_gb);
}

std::string history_file_name(Timeline timeline) { return fmt::format("{:08X}.history", timeline); }

}  // namespace holdfast::pg
