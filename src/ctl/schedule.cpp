#include "ctl/schedule.hpp"

#include <ctime>
#include <fmt/format.h>

#include "ctl/cluster_access.hpp"
#include "patroni/timestamp.hpp"

namespace holdfast::ctl {
namespace {

std::string zone_text(std::chrono::seconds offset) {
  const auto minutes = std::chrono::abs(std::chrono::duration_cast<std::chrono::minutes>(offset)).count();
  return fmt::format("{}{:02}:{:02}", offset.count() < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

// This machine's offset from UTC at a local time.
std::chrono::seconds local_offset(base::WallTime as_if_utc) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(as_if_utc).time_since_epoch().count();
  std::tm fields{};
  gmtime_r(&seconds, &fields);
  fields.tm_isdst = -1;
  return std::chrono::seconds(seconds - std::mktime(&fields));
}

std::string replaced(std::string text, std::string_view zone) {
  constexpr std::string_view kUtc = "+00:00";
  if (text.ends_with(kUtc)) text.replace(text.size() - kUtc.size(), kUtc.size(), zone);
  return text;
}

}  // namespace

Outcome<std::optional<Schedule>> read_schedule(const std::optional<std::string>& text) {
  if (!text || text->empty() || *text == "now") return std::optional<Schedule>();
  const auto parsed = patroni::parse_timestamp(*text);
  if (!parsed)
    return stop(fmt::format(
        "Unable to parse scheduled timestamp ({}). It should be in an unambiguous format (e.g. ISO 8601)",
        *text));
  const std::chrono::seconds offset = parsed->has_zone ? parsed->offset : local_offset(parsed->time);
  const auto at = parsed->has_zone ? parsed->time : parsed->time - offset;
  const auto zone = zone_text(offset);
  return Schedule{.at = at,
                  .iso = replaced(base::to_iso8601(at + offset), zone),
                  .spaced = replaced(base::to_python_text(at + offset), zone)};
}

std::string next_hour(base::WallTime now) {
  auto text = local_timestamp(now + std::chrono::hours(1)).substr(0, 16);  // YYYY-mm-dd HH:MM
  text[10] = 'T';
  return text;
}

}  // namespace holdfast::ctl
