// How far pg_basebackup and pg_rewind say they are.
// https://www.postgresql.org/docs/15/app-pgbasebackup.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::pg {

struct CopyProgress {
  std::uint64_t done = 0;   // bytes
  std::uint64_t total = 0;  // bytes, an estimate

  double share() const;  // 0 to 1; 0 when the total is not known yet
};

// "  22891/22891 kB (100%), 1/1 tablespace", "12345/23456 kB (52%) copied"; absent for any other line.
std::optional<CopyProgress> parse_copy_progress(std::string_view line);

// What the program said besides, on one line.
std::string without_progress(std::string_view output);

}  // namespace holdfast::pg
