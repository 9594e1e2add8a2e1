// How a record of the log is written: Python's logging formats, because tools that read Patroni's log know
// them.
#pragma once

#include <string>
#include <string_view>

#include "base/time.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::telemetry {

struct LogRecord {
  base::WallTime time;
  std::string_view level;  // "INFO"
  std::string_view text;
};

// Without the end of line. Attributes that a record of ours does not have (a line number, a thread's name)
// are written as "-", those that nobody knows as they stand.
std::string log_line(const patroni::LogConfig& config, const LogRecord& record);

}  // namespace holdfast::telemetry
