#include "telemetry/log.hpp"

#include <memory>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include "telemetry/log_line.hpp"

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

std::string_view name(Level level);

// Lines come from log_line(); what spdlog adds is the place and the lock around it.
class Layout final : public spdlog::formatter {
 public:
  explicit Layout(patroni::LogConfig config) : config_(std::move(config)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& into) override {
    const auto time = std::chrono::time_point_cast<std::chrono::microseconds>(message.time);
    const auto line = log_line(config_, {.time = time,
                                         .level = spdlog_name(message.level),
                                         .text = {message.payload.data(), message.payload.size()}});
    into.append(line.data(), line.data() + line.size());
    into.push_back('\n');
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<Layout>(config_); }

 private:
  static std::string_view spdlog_name(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::warn:
        return name(Level::warning);
      case spdlog::level::err:
        return name(Level::error);
      case spdlog::level::critical:
        return name(Level::critical);
      case spdlog::level::info:
        return name(Level::info);
      default:
        return name(Level::debug);
    }
  }

  patroni::LogConfig config_;
};

// Where lines go can be changed while other threads write some.
std::shared_ptr<spdlog::sinks::dist_sink_mt> outlet() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::sinks::dist_sink_mt>();
    made->add_sink(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_formatter(std::make_unique<Layout>(patroni::LogConfig()));
    return made;
  }();
  return instance;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("holdfast", outlet());
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

spdlog::sink_ptr sink_for(const patroni::LogConfig& config) {
  if (config.dir.empty()) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  constexpr int kUsualMode = 0644;
  spdlog::file_event_handlers handlers;
  handlers.after_open = [mode = config.mode](const spdlog::filename_t&, std::FILE* file) {
    fchmod(fileno(file), static_cast<mode_t>(mode == 0 ? kUsualMode : mode));
  };
  return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(config.dir + "/patroni.log", config.file_size,
                                                                config.file_num, false, handlers);
}

Level level_of(std::string_view text) {
  for (const auto level : {Level::debug, Level::warning, Level::error, Level::critical})
    if (text == name(level)) return level;
  return Level::info;
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

base::Result<void> configure_log(const patroni::LogConfig& config) {
  try {
    auto sink = sink_for(config);
    sink->set_formatter(std::make_unique<Layout>(config));
    outlet()->set_sinks({std::move(sink)});
  } catch (const spdlog::spdlog_ex& error) {
    return base::fail(base::ErrorKind::failed, "log.dir: {}", error.what());
  }
  set_log_level(level_of(config.level));
  return {};
}

void set_log_level(Level level) { logger().set_level(spdlog_level(level)); }

bool log_enabled(Level level) { return logger().should_log(spdlog_level(level)); }

void log_line(Level level, std::string_view text) {
  logger().log(spdlog_level(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace holdfast::telemetry
