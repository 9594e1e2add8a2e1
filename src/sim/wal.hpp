// The write-ahead log as a sequence of records, each of which knows the history that it continues.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pg/lsn.hpp"

namespace holdfast::sim {

using CommitId = std::uint64_t;  // of a client's transaction, unique in a run; 0: none

struct WalRecord {
  pg::Lsn end;
  pg::Timeline timeline = 0;
  CommitId commit = 0;
  std::uint64_t lineage = 0;  // fingerprint of this record and of all before it

  bool operator==(const WalRecord&) const = default;
};

// `size` bytes that follow `last`. `origin` makes what two servers write at the same place different.
WalRecord next_record(const WalRecord& last, pg::Timeline timeline, std::uint64_t size, CommitId commit,
                      std::uint64_t origin);

class Wal {
 public:
  Wal() = default;
  explicit Wal(WalRecord first) : records_{first} {}

  bool empty() const { return records_.empty(); }
  const WalRecord& last() const { return records_.back(); }
  pg::Lsn end() const { return empty() ? pg::Lsn{} : last().end; }
  const WalRecord* find(pg::Lsn end) const;  // the record that ends exactly there
  bool contains(const WalRecord& record) const;
  // Where this and `other` were still the same.
  pg::Lsn common_end(const Wal& other) const;

  void append(const WalRecord& record) { records_.push_back(record); }
  void truncate(pg::Lsn end);
  std::span<const WalRecord> records() const { return records_; }
  std::span<const WalRecord> after(pg::Lsn position) const;

 private:
  std::vector<WalRecord> records_;
};

}  // namespace holdfast::sim
