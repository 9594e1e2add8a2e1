// Points in time as people and Patroni write them.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.hpp"

namespace holdfast::patroni {

struct Timestamp {
  base::WallTime time;  // in UTC if it names a time zone, otherwise as if it were UTC
  bool has_zone = false;
  std::chrono::minutes offset{0};  // of that zone from UTC
};

// ISO 8601 dates with time: "2026-11-23T15:21:26.337622+00:00", "2026-11-23 15:21Z", "2026-11-23 15:21:26
// +0100".
std::optional<Timestamp> parse_timestamp(std::string_view text);

}  // namespace holdfast::patroni
