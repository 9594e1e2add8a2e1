// Timeline history files: which timeline grew out of which, and where.
// https://www.postgresql.org/docs/15/continuous-archiving.html#BACKUP-TIMELINES
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pg/lsn.hpp"

namespace holdfast::pg {

struct TimelineSwitch {
  Timeline timeline = 0;  // the timeline that was left
  Lsn at;                 // where the next one begins
  std::string reason;

  bool operator==(const TimelineSwitch&) const = default;
};

using TimelineHistory = std::vector<TimelineSwitch>;  // oldest first; empty for timeline 1

// Parses the text of a NNNNNNNN.history file. The error names the line.
base::Result<TimelineHistory> parse_timeline_history(std::string_view text);

}  // namespace holdfast::pg
