#include "pg/wal_record.hpp"

#include <algorithm>
#include <charconv>

namespace holdfast::pg {
namespace {

// src/include/access/xlog_internal.h: a page begins with a header, the first of a segment with a longer one.
constexpr std::uint64_t kPageSize = 8192;
constexpr std::uint64_t kShortHeader = 24;
constexpr std::uint64_t kLongHeader = 40;
constexpr std::uint64_t kAlignment = 8;

std::string_view after(std::string_view text, std::string_view label) {
  const auto at = text.find(label);
  return at == std::string_view::npos ? std::string_view{} : text.substr(at + label.size());
}

std::optional<Lsn> lsn_at(std::string_view text) {
  return parse_lsn(text.substr(0, text.find_first_not_of("0123456789ABCDEFabcdef/")));
}

}  // namespace

std::optional<WalRecord> parse_waldump_line(std::string_view line) {
  const auto total = after(after(line, "len (rec/tot):"), "/");
  const auto lsn = lsn_at(after(line, ", lsn: "));
  const auto digits = total.substr(std::min(total.find_first_not_of(' '), total.size()));
  WalRecord record;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), record.length);
  if (error != std::errc{} || !lsn) return std::nullopt;
  record.start = *lsn;
  record.switches_segment = line.starts_with("rmgr: XLOG") && after(line, ", desc: ").starts_with("SWITCH");
  return record;
}

Lsn end_of(const WalRecord& record, std::uint64_t segment_size) {
  if (record.switches_segment) return Lsn{(record.start.value / segment_size + 1) * segment_size};
  auto at = record.start.value;
  for (std::uint64_t left = (record.length + kAlignment - 1) / kAlignment * kAlignment; left > 0;) {
    if (at % kPageSize == 0) at += at % segment_size == 0 ? kLongHeader : kShortHeader;
    const auto here = std::min(left, kPageSize - at % kPageSize);
    at += here;
    left -= here;
  }
  return Lsn{at};
}

std::optional<Lsn> last_readable_record(std::string_view errors) {
  return lsn_at(after(errors, "error in WAL record at "));
}

}  // namespace holdfast::pg
