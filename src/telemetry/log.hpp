// The log: one line per record on stderr, "2026-11-23 15:08:27,345 INFO: text", Patroni's default format.
// Never pass a secret here; conninfo strings are logged through pg::redacted().
#pragma once

#include <fmt/format.h>
#include <string_view>
#include <utility>

namespace holdfast::telemetry {

enum class Level { debug, info, warning, error, critical, off };

void set_log_level(Level level);
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
