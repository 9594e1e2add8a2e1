// The network between places: hosts, etcd, clients. Every direction of every link has a delay, a loss and may
// be cut.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "sim/scheduler.hpp"

namespace holdfast::sim {

using Place = std::size_t;

// One direction between two places.
struct Link {
  Duration shortest = 100us;
  Duration longest = 1ms;
  double loss = 0;  // of a packet; TCP sends it again after a while
  bool cut = false;
  bool operator==(const Link&) const = default;
};

class Network {
 public:
  Network(Scheduler& time, base::Random random) : time_(time), random_(random) {}

  Place add_place();
  Link& link(Place from, Place to) { return links_[from][to]; }
  bool reaches(Place from, Place to) const { return from == to || !links_[from][to].cut; }
  std::size_t places() const { return links_.size(); }
  void heal();  // every link as it was at first

  // A request or an answer: arrives once, or never when the link is cut. Nobody is told.
  void send(Place from, Place to, Callback arrive);

  Duration delay(Place from, Place to);  // of one packet that gets through
  Scheduler& time() { return time_; }

 private:
  Scheduler& time_;
  base::Random random_;
  std::vector<std::vector<Link>> links_;
};

// One direction of a TCP connection: all that is sent arrives in order; while the link is cut it waits, and
// the kernel tries again. Destroying it drops what is under way, as the loss of a host does.
class Pipe {
 public:
  Pipe(Network& network, Place from, Place to) : network_(network), from_(from), to_(to) {}

  void send(Callback arrive);

 private:
  struct Packet {
    Moment arrives;
    Callback arrive;
  };
  void wait_for_first();
  void deliver();

  Network& network_;
  Place from_, to_;
  std::deque<Packet> under_way_;
  Duration retry_ = 200ms;
  Timer next_;
};

}  // namespace holdfast::sim
