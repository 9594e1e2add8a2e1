// The --scheduled of switchover and restart.
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"
#include "ctl/outcome.hpp"

namespace holdfast::ctl {

struct Schedule {
  base::WallTime at;
  std::string iso;     // "2026-12-31T04:00:00+01:00", in the zone that was given
  std::string spaced;  // the same with a blank, as Python's str(datetime)
};

// Nothing for "now" and for nothing. A time without a zone is this machine's.
Outcome<std::optional<Schedule>> read_schedule(const std::optional<std::string>& text);

// In an hour, to the minute: the example in the questions.
std::string next_hour(base::WallTime now);

}  // namespace holdfast::ctl
