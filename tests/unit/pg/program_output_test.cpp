#include <gtest/gtest.h>

#include "pg/copy_progress.hpp"
#include "pg/postmaster_file.hpp"
#include "pg/wal_record.hpp"

namespace holdfast::pg {
namespace {

TEST(PostmasterFile, TellsPidAndStatus) {
  const auto file = parse_postmaster_file(
      "4711\n/data\n1763931245\n5432\n/run/postgresql\n127.0.0.1\n  1234 0\nready   \n");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->pid, 4711);
  EXPECT_EQ(file->status, PostmasterFile::Status::ready);
  const auto single_user = parse_postmaster_file("-4711\n/data\n1763931245\n0\n");
  ASSERT_TRUE(single_user);
  EXPECT_EQ(single_user->pid, -4711);
  EXPECT_EQ(single_user->status, PostmasterFile::Status::unknown);
  EXPECT_FALSE(parse_postmaster_file(""));
  EXPECT_FALSE(parse_postmaster_file("garbage\n"));
}

TEST(WalRecord, IsReadFromALineOfPgWaldump) {
  const auto record = parse_waldump_line(
      "rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/017529B0, prev 0/01752978, "
      "desc: CHECKPOINT_SHUTDOWN redo 0/17529B0; tli 1");
  EXPECT_EQ(record, (WalRecord{.start = Lsn{0x17529B0}, .length = 114}));
  const auto full_page = parse_waldump_line(
      "rmgr: Heap        len (rec/tot):     54/  8218, tx:        724, lsn: 0/0152A6F8, prev 0/0152A6C0, "
      "desc: INSERT");
  EXPECT_EQ(full_page, (WalRecord{.start = Lsn{0x152A6F8}, .length = 8218}));
  EXPECT_TRUE(
      parse_waldump_line("rmgr: XLOG        len (rec/tot):     24/    24, tx:          0, lsn: 0/01600000, "
                         "prev 0/015FFFE0, desc: SWITCH ")
          ->switches_segment);
  EXPECT_FALSE(parse_waldump_line("pg_waldump: first record is after 0/1, at 0/28, skipping over 8 bytes"));
}

TEST(WalRecord, EndsAfterThePageHeadersItCrosses) {
  constexpr std::uint64_t kSegment = 16 << 20;
  const auto end = [](std::uint64_t start, std::uint32_t length) {
    return end_of({.start = Lsn{start}, .length = length}, kSegment).value;
  };
  EXPECT_EQ(end(0x17529B0, 114), 0x1752A28u) << "the length is rounded up to 8 bytes";
  EXPECT_EQ(end(0x1001F00, 0x100), 0x1002000u) << "a record may end with its page";
  EXPECT_EQ(end(0x1001F00, 0x101), 0x1002000u + 24 + 8) << "or go on after the next page's header";
  EXPECT_EQ(end(0x1FFFFF8, 16), 0x2000000u + 40 + 8) << "which is longer at the start of a segment";
  EXPECT_EQ(end_of({.start = Lsn{0x1600000}, .length = 24, .switches_segment = true}, kSegment).value,
            0x2000000u);
}

TEST(WalRecord, TheLastOneIsNamedByTheComplaint) {
  EXPECT_EQ(
      last_readable_record("pg_waldump: error: error in WAL record at 0/182E220: invalid record length at "
                           "0/182E298: wanted 24, got 0\n"),
      Lsn{0x182E220});
  EXPECT_FALSE(last_readable_record("pg_waldump: error: could not find a valid record after 0/182E220"));
}

TEST(CopyProgress, IsReadFromPgBasebackupAndPgRewind) {
  const auto progress = parse_copy_progress("  11445/22890 kB (50%), 0/1 tablespace");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->total, 22890u * 1024);
  EXPECT_DOUBLE_EQ(progress->share(), 0.5);
  EXPECT_DOUBLE_EQ(parse_copy_progress("    0/0 kB (0%)")->share(), 0);
  EXPECT_TRUE(parse_copy_progress("12345/23456 kB (52%) copied"));
  EXPECT_FALSE(parse_copy_progress("waiting for checkpoint"));
  EXPECT_FALSE(parse_copy_progress("3/4 tablespaces"));
}

}  // namespace
}  // namespace holdfast::pg
