#include "sim/network.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::sim {
namespace {

constexpr Duration kFirstRetransmission = 200ms;  // Linux TCP_RTO_MIN
constexpr Duration kLongestRetransmission = 5s;   // real TCP backs off to minutes; the runs are short
constexpr Duration kWithinPlace = 30us;

}  // namespace

Place Network::add_place() {
  for (auto& row : links_) row.emplace_back();
  links_.emplace_back(links_.size() + 1);
  return links_.size() - 1;
}

void Network::heal() {
  for (auto& row : links_) std::ranges::fill(row, Link{});
}

Duration Network::delay(Place from, Place to) {
  if (from == to) return kWithinPlace;
  const auto& link = links_[from][to];
  Duration total = random_.between(link.shortest, link.longest);
  Duration again = kFirstRetransmission;
  while (link.loss > 0 && again < kLongestRetransmission && random_.chance(link.loss)) {
    total += again;
    again *= 2;
  }
  return total;
}

void Network::send(Place from, Place to, Callback arrive) {
  if (!reaches(from, to)) return;
  time_.surely_after(delay(from, to), std::move(arrive));
}

void Pipe::send(Callback arrive) {
  const auto now = network_.time().now();
  under_way_.push_back({now + network_.delay(from_, to_), std::move(arrive)});
  if (under_way_.size() == 1) wait_for_first();
}

void Pipe::wait_for_first() {
  next_ = network_.time().at(under_way_.front().arrives, [this] { deliver(); });
}

void Pipe::deliver() {
  if (!network_.reaches(from_, to_)) {
    next_ = network_.time().after(retry_, [this] { deliver(); });
    retry_ = std::min(retry_ * 2, kLongestRetransmission);
    return;
  }
  retry_ = kFirstRetransmission;
  auto packet = std::move(under_way_.front());
  under_way_.pop_front();
  if (!under_way_.empty()) wait_for_first();
  packet.arrive();  // may destroy this pipe
}

}  // namespace holdfast::sim
