// Who is told of what must never go wrong, the moment it happens.
#pragma once

#include <string_view>

#include "sim/wal.hpp"

namespace holdfast::sim {

class Witness {
 public:
  virtual ~Witness() = default;

  // A primary has begun to accept writes: promoted, or started as one.
  virtual void accepts_writes(std::string_view host) = 0;
  // A primary has made `record` durable.
  virtual void wrote(std::string_view host, const WalRecord& record) = 0;
  // A client is told that its commit is safe.
  virtual void acknowledged(std::string_view host, const WalRecord& record) = 0;
  // A standby was given WAL that does not continue its own, and PostgreSQL has no way to notice.
  virtual void streamed_other_history(std::string_view standby, std::string_view upstream) = 0;
};

}  // namespace holdfast::sim
