// What pg_control says of a cluster, read from the output of pg_controldata.
// https://www.postgresql.org/docs/15/app-pgcontroldata.html
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pg/lsn.hpp"

namespace holdfast::pg {

enum class ControlState {
  unknown,
  shut_down,              // cleanly, as a primary
  shut_down_in_recovery,  // cleanly, as a standby
  in_production,          // a primary that runs, or ended without finishing its shutdown
  in_recovery,            // a standby that runs, or ended without a clean shutdown ("in archive recovery")
  starting_up,            // a primary in crash recovery, or one that ended in it
};

// A standby must not have less of these than its primary had, or it refuses to start.
// https://www.postgresql.org/docs/15/hot-standby.html#HOT-STANDBY-ADMIN
struct RecoveryMinimums {
  int max_connections = 0;
  int max_worker_processes = 0;
  int max_wal_senders = 0;
  int max_prepared_transactions = 0;
  int max_locks_per_transaction = 0;
};

struct ControlData {
  std::string system_id;  // database system identifier, decimal digits
  ControlState state = ControlState::unknown;
  Timeline timeline = 0;  // of the latest checkpoint, or of the minimum recovery point where that is later
  Lsn checkpoint;         // start of the latest checkpoint record
  Lsn redo;               // where crash recovery would begin
  Lsn min_recovery_end;   // 0/0: none
  Timeline checkpoint_timeline = 0;
  Timeline min_recovery_timeline = 0;
  bool checksums = false;
  bool wal_log_hints = false;
  std::uint64_t wal_segment_size = 16 << 20;  // bytes
  RecoveryMinimums minimums;
};

// Parses the output of pg_controldata run with LC_ALL=C. The error names the line that is missing or
// malformed.
base::Result<ControlData> parse_control_data(std::string_view text);

}  // namespace holdfast::pg
