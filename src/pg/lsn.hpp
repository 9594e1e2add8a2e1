// Positions in the write-ahead log.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::pg {

// A byte position in WAL. https://www.postgresql.org/docs/15/datatype-pg-lsn.html
struct Lsn {
  std::uint64_t value = 0;

  auto operator<=>(const Lsn&) const = default;
  explicit operator bool() const { return value != 0; }  // 0/0 is PostgreSQL's "invalid"
};

// How many bytes `behind` is behind `ahead`; 0 when it is not.
std::uint64_t lag_bytes(Lsn ahead, Lsn behind);

std::string to_string(Lsn lsn);  // "0/50A3F28"
std::optional<Lsn> parse_lsn(std::string_view text);

// "96 bytes", "4.1 MB": for reasons and messages.
std::string bytes_text(std::uint64_t bytes);

using Timeline = std::uint32_t;  // 0: unknown

}  // namespace holdfast::pg
