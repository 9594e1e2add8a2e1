#include "pg/control_data.hpp"

#include <gtest/gtest.h>

namespace holdfast::pg {
namespace {

// PostgreSQL 15's pg_controldata of a standby, without the lines that nobody here reads.
constexpr std::string_view kStandby = R"(pg_control version number:            1300
Catalog version number:               202209061
Database system identifier:           7711473096597657301
Database cluster state:               shut down in recovery
Latest checkpoint location:           0/3000060
Latest checkpoint's REDO location:    0/3000028
Latest checkpoint's REDO WAL file:    000000010000000000000003
Latest checkpoint's TimeLineID:       1
Latest checkpoint's PrevTimeLineID:   1
Minimum recovery ending location:     A/50A3F28
Min recovery ending loc's timeline:   2
wal_log_hints setting:                off
max_connections setting:              101
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
Bytes per WAL segment:                16777216
Data page checksum version:           1
)";

std::string with(std::string_view line, std::string_view instead) {
  std::string text(kStandby);
  text.replace(text.find(line), line.size(), instead);
  return text;
}

TEST(ControlData, ReadsTheOutputOfPgControldata) {
  const auto data = parse_control_data(kStandby);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->system_id, "7711473096597657301");
  EXPECT_EQ(data->state, ControlState::shut_down_in_recovery);
  EXPECT_EQ(data->timeline, 2u) << "of the minimum recovery point, which is later";
  EXPECT_EQ(data->checkpoint_timeline, 1u);
  EXPECT_EQ(to_string(data->checkpoint), "0/3000060");
  EXPECT_EQ(to_string(data->redo), "0/3000028");
  EXPECT_EQ(to_string(data->min_recovery_end), "A/50A3F28");
  EXPECT_TRUE(data->checksums);
  EXPECT_FALSE(data->wal_log_hints);
  EXPECT_EQ(data->wal_segment_size, 16u << 20);
  EXPECT_EQ(data->minimums.max_connections, 101);
  EXPECT_EQ(data->minimums.max_locks_per_transaction, 64);
}

TEST(ControlData, KnowsEveryState) {
  const auto state = [](std::string_view name) {
    return parse_control_data(with("shut down in recovery", name)).value().state;
  };
  EXPECT_EQ(state("shut down"), ControlState::shut_down);
  EXPECT_EQ(state("in production"), ControlState::in_production);
  EXPECT_EQ(state("shutting down"), ControlState::in_production);
  EXPECT_EQ(state("in archive recovery"), ControlState::in_recovery);
  EXPECT_EQ(state("in crash recovery"), ControlState::starting_up);
  EXPECT_EQ(state("starting up"), ControlState::starting_up);
  EXPECT_EQ(state("unrecognized status code"), ControlState::unknown);
}

TEST(ControlData, NamesTheLineThatIsWrong) {
  EXPECT_EQ(parse_control_data("").error().message,
            "pg_controldata: 'Database system identifier' is missing");
  EXPECT_EQ(parse_control_data(with("A/50A3F28", "here")).error().message,
            "pg_controldata: 'Minimum recovery ending location' is no WAL position");
  EXPECT_EQ(parse_control_data(with("101", "many")).error().message,
            "pg_controldata: 'max_connections setting' is no number");
}

}  // namespace
}  // namespace holdfast::pg
