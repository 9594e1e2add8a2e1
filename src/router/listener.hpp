// Accepts the clients of one port and hands them out to the event loops in turn.
#pragma once

#include <memory>
#include <vector>

#include "router/event_loop.hpp"
#include "router/sockets.hpp"
#include "routing/route.hpp"

namespace holdfast::router {

// Lives in the first loop: start() and close() may be called from any thread, destroyed after that loop has
// stopped.
class Listener {
 public:
  using Loops = std::vector<std::unique_ptr<EventLoop>>;

  Listener(const Loops& loops, Acceptor acceptor, routing::Port port);

  void start();
  void close();
  std::uint16_t port() const { return bound_port_; }

 private:
  Async<> accept_clients();
  void turn_away(Socket client);

  const Loops& loops_;
  Acceptor acceptor_;
  Timer rest_;
  const routing::Port port_;
  const std::uint16_t bound_port_;
  std::size_t next_ = 0;
};

}  // namespace holdfast::router
