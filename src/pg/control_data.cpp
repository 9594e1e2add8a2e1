#include "pg/control_data.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace holdfast::pg {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

ControlState state_named(std::string_view name) {
  if (name == "shut down") return ControlState::shut_down;
  if (name == "shut down in recovery") return ControlState::shut_down_in_recovery;
  if (name == "in production" || name == "shutting down") return ControlState::in_production;
  if (name == "in archive recovery") return ControlState::in_recovery;
  if (name == "starting up" || name == "in crash recovery") return ControlState::starting_up;
  return ControlState::unknown;
}

// Reads the values one by one and remembers the first that is not as it should be.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}

  std::string_view text(std::string_view label) {
    for (std::size_t start = 0; start < text_.size();) {
      const auto end = std::min(text_.find('\n', start), text_.size());
      const auto line = text_.substr(start, end - start);
      if (line.starts_with(label) && line.substr(label.size()).starts_with(':'))
        return trimmed(line.substr(label.size() + 1));
      start = end + 1;
    }
    problem(label, "is missing");
    return {};
  }

  template <class Number>
  Number number(std::string_view label) {
    const auto value = text(label);
    Number parsed{};
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    if (error != std::errc{} || end != value.data() + value.size()) problem(label, "is no number");
    return parsed;
  }

  Lsn lsn(std::string_view label) {
    const auto parsed = parse_lsn(text(label));
    if (!parsed) problem(label, "is no WAL position");
    return parsed.value_or(Lsn{});
  }

  const std::optional<base::Error>& first_problem() const { return problem_; }

 private:
  void problem(std::string_view label, std::string_view what) {
    if (!problem_)
      problem_ = base::fail(base::ErrorKind::invalid, "pg_controldata: '{}' {}", label, what).error();
  }

  std::string_view text_;
  std::optional<base::Error> problem_;
};

}  // namespace

base::Result<ControlData> parse_control_data(std::string_view text) {
  Fields fields(text);
  ControlData data;
  data.system_id = fields.text("Database system identifier");
  data.state = state_named(fields.text("Database cluster state"));
  data.checkpoint = fields.lsn("Latest checkpoint location");
  data.redo = fields.lsn("Latest checkpoint's REDO location");
  data.checkpoint_timeline = fields.number<Timeline>("Latest checkpoint's TimeLineID");
  data.min_recovery_end = fields.lsn("Minimum recovery ending location");
  data.min_recovery_timeline = fields.number<Timeline>("Min recovery ending loc's timeline");
  data.timeline = std::max(data.checkpoint_timeline, data.min_recovery_timeline);
  data.wal_log_hints = fields.text("wal_log_hints setting") == "on";
  data.checksums = fields.number<int>("Data page checksum version") != 0;
  data.wal_segment_size = fields.number<std::uint64_t>("Bytes per WAL segment");
  data.minimums = {
      .max_connections = fields.number<int>("max_connections setting"),
      .max_worker_processes = fields.number<int>("max_worker_processes setting"),
      .max_wal_senders = fields.number<int>("max_wal_senders setting"),
      .max_prepared_transactions = fields.number<int>("max_prepared_xacts setting"),
      .max_locks_per_transaction = fields.number<int>("max_locks_per_xact setting"),
  };
  if (fields.first_problem()) return std::unexpected(*fields.first_problem());
  return data;
}

}  // namespace holdfast::pg
