#include "telemetry/log_line.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <ctime>
#include <fmt/format.h>
#include <optional>
#include <unistd.h>

namespace holdfast::telemetry {
namespace {

namespace json = boost::json;

constexpr auto kDefaultDate = "%Y-%m-%d %H:%M:%S";

std::string local_time(const std::string& format, base::WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto count = static_cast<std::time_t>(seconds.time_since_epoch().count());
  std::tm parts{};
  localtime_r(&count, &parts);
  std::array<char, 256> text{};
  const auto length =
      std::strftime(text.data(), text.size(), format.empty() ? kDefaultDate : format.c_str(), &parts);
  std::string result(text.data(), length);
  if (format.empty()) result += fmt::format(",{:03}", (time - seconds) / std::chrono::milliseconds(1));
  return result;
}

std::optional<std::string> attribute(const patroni::LogConfig& config, const LogRecord& record,
                                     std::string_view name) {
  if (name == "message") return std::string(record.text);
  if (name == "levelname") return std::string(record.level);
  if (name == "asctime") return local_time(config.dateformat, record.time);
  if (name == "name" || name == "processName" || name == "module") return "holdfast";
  if (name == "process") return std::to_string(getpid());
  if (name == "created") {
    const auto since = record.time.time_since_epoch();
    return fmt::format("{:.6f}", std::chrono::duration<double>(since).count());
  }
  if (name == "msecs")
    return std::to_string(record.time.time_since_epoch() / std::chrono::milliseconds(1) % 1000);
  for (const auto* other : {"levelno", "filename", "pathname", "lineno", "funcName", "thread", "threadName",
                            "relativeCreated", "taskName"})
    if (name == other) return "-";
  return std::nullopt;
}

// The width in "-8s" of %(levelname)-8s.
std::string padded(std::string text, std::string_view conversion) {
  const bool left = conversion.starts_with('-');
  if (left) conversion.remove_prefix(1);
  std::size_t width = 0;
  std::from_chars(conversion.data(), conversion.data() + conversion.size(), width);
  width = std::min<std::size_t>(width, 200);
  if (text.size() < width) text.insert(left ? text.size() : 0, width - text.size(), ' ');
  return text;
}

std::string plain_line(const patroni::LogConfig& config, const LogRecord& record) {
  const std::string_view format = config.format;
  std::string line;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      line += format[at];
      continue;
    }
    if (format.substr(at).starts_with("%%")) {
      line += '%';
      ++at;
      continue;
    }
    const auto close = format.find(')', at);
    const auto type = format.find_first_of("sdfgx", close == std::string_view::npos ? at : close);
    const bool whole = format.substr(at).starts_with("%(") && close != std::string_view::npos &&
                       type != std::string_view::npos;
    const auto value =
        whole ? attribute(config, record, format.substr(at + 2, close - at - 2)) : std::nullopt;
    if (!value) {
      line += '%';
      continue;
    }
    line += padded(*value, format.substr(close + 1, type - close - 1));
    at = type;
  }
  return line;
}

}  // namespace

std::string log_line(const patroni::LogConfig& config, const LogRecord& record) {
  if (!config.json) return plain_line(config, record);
  json::object line;
  for (const auto& [name, key] : config.fields) line[key] = attribute(config, record, name).value_or("");
  for (const auto& [key, value] : config.static_fields) line[key] = value;
  return json::serialize(line);
}

}  // namespace holdfast::telemetry
