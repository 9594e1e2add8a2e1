#include "postgres/local_wal.hpp"

#include "pg/names.hpp"
#include "pg/wal_record.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;

struct Reading {
  std::string first_line;  // of the records
  std::string complaint;   // why it ended
};

// https://www.postgresql.org/docs/15/pgwaldump.html
Task<Result<Reading>> dump(Site& site, pg::Timeline timeline, pg::Lsn from, std::vector<std::string> options,
                           base::Instant deadline) {
  std::vector<std::string> arguments = {"--path=" + site.directory.file("pg_wal"),
                                        fmt::format("--timeline={}", timeline), "--start=" + to_string(from)};
  arguments.insert(arguments.end(), options.begin(), options.end());
  auto ending = co_await system::run_program(
      site.runtime, site.installation.tool("pg_waldump", std::move(arguments)), deadline);
  if (!ending) co_return std::unexpected(ending.error());
  co_return Reading{ending->last_output.substr(0, ending->last_output.find('\n')), ending->last_errors};
}

// Where to begin reading: as late as is surely valid. After a promotion, pg_control's checkpoint may still
// lie on the timeline that was left, while the minimum recovery point is already on the new one.
pg::Lsn starting_point(const pg::ControlData& control) {
  if (control.min_recovery_timeline > control.checkpoint_timeline) return control.min_recovery_end;
  return std::max(control.checkpoint, control.min_recovery_end);
}

// A base backup that was not started yet claims no WAL but where its recovery will begin.
// https://www.postgresql.org/docs/15/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
std::optional<pg::Lsn> backup_start(const Site& site) {
  constexpr std::string_view kStart = "START WAL LOCATION: ";
  const auto label = system::read_file(site.directory.file("backup_label"));
  if (!label || !label->starts_with(kStart)) return std::nullopt;
  const auto rest = std::string_view(*label).substr(kStart.size());
  return pg::parse_lsn(rest.substr(0, rest.find_first_of(" \n")));
}

// The end of the segment files that are there without a gap from `from` on. pg_waldump is told not to look
// beyond: for a file that does not exist it waits five seconds, in case a server is about to make it.
pg::Lsn end_of_segments(const Site& site, const pg::ControlData& control, pg::Lsn from) {
  const auto size = control.wal_segment_size;
  pg::Lsn end{from.value / size * size};
  while (system::exists(site.directory.file("pg_wal/" + pg::wal_file_name(control.timeline, end, size))))
    end.value += size;
  return std::max(end, from);
}

}  // namespace

Task<Result<pg::Lsn>> find_end_of_wal(Site& site, base::Instant deadline) {
  if (site.postmaster.look() != ha::Process::stopped)
    co_return base::fail(ErrorKind::conflict, "the end of WAL is known of a stopped server only");
  const auto control = co_await site.control_data(deadline);
  if (!control) co_return std::unexpected(control.error());
  if (const auto start = backup_start(site)) co_return *start;
  const auto from = starting_point(*control);
  const auto files_end = end_of_segments(site, *control, from);
  if (from == files_end && from == control->min_recovery_end) co_return from;
  const auto whole =
      co_await dump(site, control->timeline, from, {"--quiet", "--end=" + to_string(files_end)}, deadline);
  if (!whole) co_return std::unexpected(whole.error());
  if (whole->complaint.empty()) co_return files_end;  // valid to the very end, as after a segment switch
  const auto last = pg::last_readable_record(whole->complaint);
  if (!last) {
    // Nothing is readable after the starting point: it is the end itself, if it was the end of a record.
    if (from == control->min_recovery_end) co_return from;
    co_return base::fail(ErrorKind::failed, "pg_waldump cannot read the checkpoint at {}: {}",
                         to_string(from), whole->complaint);
  }
  const auto record_line = co_await dump(site, control->timeline, *last, {"--limit=1"}, deadline);
  if (!record_line) co_return std::unexpected(record_line.error());
  const auto record = pg::parse_waldump_line(record_line->first_line);
  if (!record || record->start != *last)
    co_return base::fail(ErrorKind::failed, "pg_waldump does not show the record at {}: {} {}",
                         to_string(*last), record_line->first_line, record_line->complaint);
  co_return end_of(*record, control->wal_segment_size);
}

Result<pg::TimelineHistory> local_history(const Site& site, pg::Timeline timeline) {
  if (timeline <= 1) return pg::TimelineHistory{};
  const auto path = site.directory.file("pg_wal/" + pg::history_file_name(timeline));
  const auto text = system::read_file(path);
  if (!text) return std::unexpected(text.error());
  auto history = pg::parse_timeline_history(*text);
  if (!history) return base::in(path, history.error());
  return *history;
}

}  // namespace holdfast::postgres
