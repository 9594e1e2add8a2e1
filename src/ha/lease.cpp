#include "ha/lease.hpp"

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

// An immediate stop takes some 100 ms; the rest is for a loop that wakes late on a busy machine.
base::Duration stop_margin(base::Duration ttl) { return std::clamp<base::Duration>(ttl / 6, 500ms, 5s); }

}  // namespace

base::Instant right_until(const Lease& lease) {
  return lease.renewed_at + lease.ttl - stop_margin(lease.ttl);
}

base::Instant renewal_due(const Lease& lease, const Settings& settings) {
  return lease.renewed_at + std::min(settings.loop_wait, (lease.ttl - stop_margin(lease.ttl)) / 3);
}

}  // namespace holdfast::ha
