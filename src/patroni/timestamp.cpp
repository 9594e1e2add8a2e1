#include "patroni/timestamp.hpp"

#include <charconv>
#include <chrono>

namespace holdfast::patroni {
namespace {

// Consumes a text from the left; every read says whether it found what it wanted.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool digits(int count, int& into) {
    if (rest_.size() < static_cast<std::size_t>(count)) return false;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + count, into);
    if (error != std::errc() || end != rest_.data() + count || rest_.front() == '-') return false;
    rest_.remove_prefix(static_cast<std::size_t>(count));
    return true;
  }
  bool any_of(std::string_view characters, char* found = nullptr) {
    if (rest_.empty() || !characters.contains(rest_.front())) return false;
    if (found) *found = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  // ".337622" in microseconds; digits beyond the sixth are cut.
  bool fraction(int& microseconds) {
    int scale = 100000;
    std::size_t count = 0;
    for (; count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9'; ++count, scale /= 10)
      microseconds += (rest_[count] - '0') * scale;
    rest_.remove_prefix(count);
    return count > 0;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

struct Parts {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, microsecond = 0;
  std::optional<int> offset_minutes;
};

bool scan_zone(Scanner& scan, Parts& parts) {
  if (scan.at_end()) return true;
  (void)scan.any_of(" ");
  if (scan.any_of("Zz")) {
    parts.offset_minutes = 0;
    return scan.at_end();
  }
  char sign = '+';
  int hours = 0, minutes = 0;
  if (!scan.any_of("+-", &sign) || !scan.digits(2, hours)) return false;
  if (!scan.at_end()) {
    (void)scan.any_of(":");
    if (!scan.digits(2, minutes)) return false;
  }
  parts.offset_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
  return scan.at_end() && hours < 24 && minutes < 60;
}

bool scan_all(Scanner& scan, Parts& parts) {
  if (!scan.digits(4, parts.year) || !scan.any_of("-") || !scan.digits(2, parts.month) || !scan.any_of("-") ||
      !scan.digits(2, parts.day) || !scan.any_of("Tt ") || !scan.digits(2, parts.hour) || !scan.any_of(":") ||
      !scan.digits(2, parts.minute))
    return false;
  if (scan.any_of(":") && !scan.digits(2, parts.second)) return false;
  if (scan.any_of(".") && !scan.fraction(parts.microsecond)) return false;
  return scan_zone(scan, parts);
}

}  // namespace

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  namespace chr = std::chrono;
  Parts p;
  Scanner scan(text);
  if (!scan_all(scan, p)) return std::nullopt;
  const chr::year_month_day date(chr::year(p.year), chr::month(static_cast<unsigned>(p.month)),
                                 chr::day(static_cast<unsigned>(p.day)));
  if (!date.ok() || p.hour > 23 || p.minute > 59 || p.second > 59) return std::nullopt;
  const auto time = chr::sys_days(date) + chr::hours(p.hour) + chr::minutes(p.minute) +
                    chr::seconds(p.second) + chr::microseconds(p.microsecond) -
                    chr::minutes(p.offset_minutes.value_or(0));
  return Timestamp{base::WallTime(time), p.offset_minutes.has_value(),
                   chr::minutes(p.offset_minutes.value_or(0))};
}

}  // namespace holdfast::patroni
