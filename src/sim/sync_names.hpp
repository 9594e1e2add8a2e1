// synchronous_standby_names as PostgreSQL reads it; written anew here, so that it checks what the agent
// writes. https://www.postgresql.org/docs/15/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/lsn.hpp"

namespace holdfast::sim {

struct SyncNames {
  enum class Method { first, any };
  Method method = Method::first;
  std::size_t count = 0;  // 0: nobody has to acknowledge
  std::vector<std::string> names;

  bool defined() const { return count > 0; }
  // The place of `name` in the list, from 1; 0: it is not in it. All that an ANY lists have place 1.
  int priority(std::string_view name) const;
};

// Nothing when PostgreSQL would refuse the value.
std::optional<SyncNames> parse_sync_names(std::string_view text);

// What one walsender has put into shared memory.
struct SyncCandidate {
  int priority = 0;
  pg::Lsn flushed;
  bool streaming = false;
};

// Which of the candidates are synchronous now, as places in the list given: SyncRepGetCandidateStandbys.
std::vector<std::size_t> synchronous_candidates(const SyncNames& names,
                                                const std::vector<SyncCandidate>& candidates);

// Up to where commits may be answered: SyncRepGetSyncRecPtr. Nothing when there are too few.
std::optional<pg::Lsn> synchronous_position(const SyncNames& names,
                                            const std::vector<SyncCandidate>& candidates);

}  // namespace holdfast::sim
