// Where WAL records end, from what pg_waldump prints.
// https://www.postgresql.org/docs/15/pgwaldump.html
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pg/lsn.hpp"

namespace holdfast::pg {

struct WalRecord {
  Lsn start;
  std::uint32_t length = 0;       // bytes of the record itself, without the page headers it crosses
  bool switches_segment = false;  // the rest of its segment is unused

  bool operator==(const WalRecord&) const = default;
};

// A line of pg_waldump's output: "rmgr: XLOG  len (rec/tot): 114/ 114, tx: 0, lsn: 0/01529B8, prev ..., desc:
// ...".
std::optional<WalRecord> parse_waldump_line(std::string_view line);

// The position after the record, where the next one may begin: what PostgreSQL calls its end.
Lsn end_of(const WalRecord& record, std::uint64_t segment_size);

// The start of the last record that pg_waldump could read, from its complaint about the one after it:
// "pg_waldump: error: error in WAL record at 0/182E220: invalid record length at 0/182E298: wanted 24, got
// 0".
std::optional<Lsn> last_readable_record(std::string_view errors);

}  // namespace holdfast::pg
