#include "sim/wal.hpp"

#include <algorithm>

namespace holdfast::sim {
namespace {

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  std::uint64_t z = (a ^ (b * 0x9e3779b97f4a7c15)) + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

WalRecord next_record(const WalRecord& last, pg::Timeline timeline, std::uint64_t size, CommitId commit,
                      std::uint64_t origin) {
  WalRecord next{.end = {last.end.value + size}, .timeline = timeline, .commit = commit};
  next.lineage = mixed(mixed(mixed(last.lineage, next.end.value), mixed(timeline, commit)), origin);
  return next;
}

const WalRecord* Wal::find(pg::Lsn end) const {
  const auto found = std::ranges::lower_bound(records_, end, {}, &WalRecord::end);
  return found != records_.end() && found->end == end ? &*found : nullptr;
}

bool Wal::contains(const WalRecord& record) const {
  const auto* found = find(record.end);
  return found != nullptr && found->lineage == record.lineage;
}

pg::Lsn Wal::common_end(const Wal& other) const {
  // A lineage includes all before it, so what is common is a prefix.
  const auto end =
      std::ranges::partition_point(records_, [&](const auto& record) { return other.contains(record); });
  return end == records_.begin() ? pg::Lsn{} : std::prev(end)->end;
}

void Wal::truncate(pg::Lsn end) {
  records_.erase(std::ranges::upper_bound(records_, end, {}, &WalRecord::end), records_.end());
}

std::span<const WalRecord> Wal::after(pg::Lsn position) const {
  const auto first = std::ranges::upper_bound(records_, position, {}, &WalRecord::end);
  return {first, records_.end()};
}

}  // namespace holdfast::sim
