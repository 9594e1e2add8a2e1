#include "pg/slot_file.hpp"

#include <cstring>
#include <gtest/gtest.h>

namespace holdfast::pg {
namespace {

void put(std::string& bytes, std::size_t at, std::uint32_t word) {
  std::memcpy(bytes.data() + at, &word, sizeof word);
}

std::string slot_file(std::string_view name, std::size_t size = 200) {
  std::string bytes(size, '\0');
  put(bytes, 0, 0x1051CA1);
  put(bytes, 8, 3);
  put(bytes, 12, static_cast<std::uint32_t>(size - 16));
  bytes.replace(16, name.size(), name);
  put(bytes, 4, crc32c(std::string_view(bytes).substr(8)));
  return bytes;
}

TEST(SlotFile, TheChecksumIsCrc32c) {
  EXPECT_EQ(crc32c("123456789"),
            0xE3069283u);  // https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4's polynomial
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(SlotFile, IsTakenOnlyWholeAndUnderItsName) {
  EXPECT_TRUE(check_slot_file("a_slot", slot_file("a_slot")));
  const auto problem = [](std::string_view name, const std::string& bytes) {
    const auto checked = check_slot_file(name, bytes);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_EQ(problem("a_slo", slot_file("a_slot")), "the file is another slot's");
  EXPECT_EQ(problem("a", ""), "a slot's file has more than 0 bytes");
  EXPECT_EQ(problem("a", slot_file("a").substr(0, 150)), "a slot's file of 150 bytes says it has 200");
  auto flipped = slot_file("a");
  flipped[199] = 1;
  EXPECT_EQ(problem("a", flipped), "the checksum of the slot's file is wrong");
  put(flipped, 0, 7);
  EXPECT_EQ(problem("a", flipped), "this is no slot's file");
}

TEST(SlotFile, HexIsReadOrRefused) {
  EXPECT_EQ(from_hex("00ff41"), std::string("\0\xff\x41", 3));
  EXPECT_EQ(from_hex("0"), "");
  EXPECT_EQ(from_hex("zz"), "");
}

}  // namespace
}  // namespace holdfast::pg
