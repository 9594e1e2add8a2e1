#include "router/admission.hpp"

#include "base/assert.hpp"

namespace holdfast::router {
namespace {

bool take(std::uint32_t& count, std::uint32_t limit) {
  if (count >= limit) return false;
  ++count;
  return true;
}

void give_back(std::uint32_t& count) {
  HOLDFAST_ASSERT(count > 0, "only what was taken is given back");
  --count;
}

}  // namespace

bool Admission::connect() {
  const std::lock_guard lock(mutex_);
  return take(connections_, max_connections_);
}

void Admission::disconnect() {
  const std::lock_guard lock(mutex_);
  give_back(connections_);
}

bool Admission::enter() {
  const std::lock_guard lock(mutex_);
  return line_.empty() && take(sessions_, max_sessions_);
}

void Admission::leave() {
  const std::lock_guard lock(mutex_);
  if (line_.empty()) return give_back(sessions_);
  auto& first = line_.front();
  line_.pop_front();
  first.admitted();
}

void Admission::line_up(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  // A place may have become free since enter() said no; nobody would call this one then.
  if (line_.empty() && take(sessions_, max_sessions_)) return waiter.admitted();
  line_.push_back(waiter);
}

bool Admission::leave_line(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  if (!waiter.is_linked()) return false;
  line_.erase(line_.iterator_to(waiter));
  return true;
}

bool Admission::hold() {
  const std::lock_guard lock(mutex_);
  return take(held_, max_held_);
}

void Admission::release() {
  const std::lock_guard lock(mutex_);
  give_back(held_);
}

}  // namespace holdfast::router
