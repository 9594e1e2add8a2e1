#include "pg/slot_file.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace holdfast::pg {
namespace {

using base::ErrorKind;

constexpr std::uint32_t kMagic = 0x1051CA1;
constexpr std::size_t kNameBytes = 64;  // NAMEDATALEN
// magic, checksum; from here on the checksum counts: version, length; from there on the length counts: the
// name first.
constexpr std::size_t kChecksumAt = 4, kVersionAt = 8, kLengthAt = 12, kNameAt = 16;

constexpr std::array<std::uint32_t, 256> kTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    auto value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78 : 0);
    table[i] = value;
  }
  return table;
}();

// In the byte order of this machine, which is that of the server that wrote it: replication demands the same.
std::uint32_t word_at(std::string_view bytes, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string from_hex(std::string_view text) {
  std::string bytes;
  if (text.size() % 2 != 0) return bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return {};
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  return crc ^ 0xFFFFFFFF;
}

base::Result<void> check_slot_file(std::string_view name, std::string_view state) {
  if (state.size() < kNameAt + kNameBytes)
    return base::fail(ErrorKind::invalid, "a slot's file has more than {} bytes", state.size());
  if (word_at(state, 0) != kMagic) return base::fail(ErrorKind::invalid, "this is no slot's file");
  if (word_at(state, kLengthAt) != state.size() - kNameAt)
    return base::fail(ErrorKind::invalid, "a slot's file of {} bytes says it has {}", state.size(),
                      word_at(state, kLengthAt) + kNameAt);
  if (word_at(state, kChecksumAt) != crc32c(state.substr(kVersionAt)))
    return base::fail(ErrorKind::invalid, "the checksum of the slot's file is wrong");
  const auto written = state.substr(kNameAt, kNameBytes);
  if (written.substr(0, written.find('\0')) != name)
    return base::fail(ErrorKind::invalid, "the file is another slot's");
  return {};
}

}  // namespace holdfast::pg
