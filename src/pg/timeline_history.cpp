#include "pg/timeline_history.hpp"

#include <algorithm>
#include <charconv>

namespace holdfast::pg {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const auto word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

}  // namespace

// A line is "parent timeline, switch point, reason", separated by blanks; blank lines and comments do not
// count. PostgreSQL reads it so in src/backend/access/transam/timeline.c, readTimeLineHistory().
base::Result<TimelineHistory> parse_timeline_history(std::string_view text) {
  TimelineHistory history;
  for (std::size_t number = 1; !text.empty(); ++number) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto timeline = next_word(line);
    if (timeline.empty() || timeline.starts_with('#')) continue;
    TimelineSwitch left;
    const auto [end, error] =
        std::from_chars(timeline.data(), timeline.data() + timeline.size(), left.timeline);
    if (error != std::errc{} || end != timeline.data() + timeline.size() || left.timeline == 0)
      return base::fail(base::ErrorKind::invalid, "timeline history, line {}: '{}' is no timeline", number,
                        timeline);
    const auto at = next_word(line);
    const auto lsn = parse_lsn(at);
    if (!lsn)
      return base::fail(base::ErrorKind::invalid, "timeline history, line {}: '{}' is no WAL position",
                        number, at);
    if (!history.empty() && history.back().timeline >= left.timeline)
      return base::fail(base::ErrorKind::invalid, "timeline history, line {}: timeline {} comes after {}",
                        number, left.timeline, history.back().timeline);
    left.at = *lsn;
    left.reason = trimmed(line);
    history.push_back(std::move(left));
  }
  return history;
}

}  // namespace holdfast::pg
