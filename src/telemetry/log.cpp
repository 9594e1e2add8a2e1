#include "telemetry/log.hpp"

#include <atomic>
#include <memory>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace holdfast::telemetry {
namespace {

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::critical:
      return spdlog::level::critical;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_logger_mt("holdfast");
    made->set_pattern("%Y-%m-%d %H:%M:%S,%e %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

std::string_view name(Level level) {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO";
    case Level::warning:
      return "WARNING";
    case Level::error:
      return "ERROR";
    case Level::critical:
      return "CRITICAL";
    case Level::off:
      break;
  }
  return "";
}

}  // namespace

void set_log_level(Level level) { logger().set_level(spdlog_level(level)); }

bool log_enabled(Level level) { return logger().should_log(spdlog_level(level)); }

void log_line(Level level, std::string_view text) {
  logger().log(spdlog_level(level), "{}: {}", name(level), text);
}

}  // namespace holdfast::telemetry
