// The log: one line per record on stderr or in a file, "2026-11-23 15:08:27,345 INFO: text" if nothing else
// is configured, as Patroni's. Never pass a secret here; conninfo strings are logged through pg::redacted().
#pragma once

#include <fmt/format.h>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::telemetry {

enum class Level { debug, info, warning, error, critical, off };

void set_log_level(Level level);
// Level, format and file. failed: the file cannot be written; the log stays where it was.
base::Result<void> configure_log(const patroni::LogConfig& config);
bool log_enabled(Level level);
void log_line(Level level, std::string_view text);

template <class... Args>
void log(Level level, fmt::format_string<Args...> text, Args&&... args) {
  if (log_enabled(level)) log_line(level, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
  log(Level::debug, text, std::forward<Args>(args)...);
}
template <class... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  log(Level::info, text, std::forward<Args>(args)...);
}
template <class... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
  log(Level::warning, text, std::forward<Args>(args)...);
}
template <class... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  log(Level::error, text, std::forward<Args>(args)...);
}
template <class... Args>
void critical(fmt::format_string<Args...> text, Args&&... args) {
  log(Level::critical, text, std::forward<Args>(args)...);
}

}  // namespace holdfast::telemetry
