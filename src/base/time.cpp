#include "base/time.hpp"

#include <fmt/format.h>
#include <string_view>

namespace holdfast::base {
namespace {

std::string calendar_text(WallTime time, char separator) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss<microseconds> clock{time - day};
  auto text = fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", int{date.year()}, unsigned{date.month()},
                          unsigned{date.day()}, separator, clock.hours().count(), clock.minutes().count(),
                          clock.seconds().count());
  if (const auto fraction = clock.subseconds().count(); fraction != 0)
    text += fmt::format(".{:06}", fraction);
  return text + "+00:00";
}

}  // namespace

std::string to_string(Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  const double size = seconds < 0 ? -seconds : seconds;
  if (size < 1e-3) return fmt::format("{:.0f} us", seconds * 1e6);
  if (size < 1) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (size < 120) return fmt::format("{:.1f} s", seconds);
  return fmt::format("{:.0f} min", seconds / 60);
}

std::string to_iso8601(WallTime time) { return calendar_text(time, 'T'); }

std::string to_python_text(WallTime time) { return calendar_text(time, ' '); }

}  // namespace holdfast::base
