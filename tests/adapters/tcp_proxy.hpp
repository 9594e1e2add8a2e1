// A TCP proxy in the test's own event loop, for breaking connections in all the ways that networks do.
#pragma once

#include <cstdint>
#include <memory>

#include "net/runtime.hpp"

namespace holdfast::test {

class TcpProxy {
 public:
  // Listens on a free port of 127.0.0.1 and passes connections on to `target_port` there.
  TcpProxy(net::Runtime& runtime, std::uint16_t target_port);
  ~TcpProxy();

  std::uint16_t port() const;
  int connections() const;  // that were ever made

  void cut();                               // closes all connections; new ones are welcome
  void lose_answers(bool on);               // what the server sends is dropped, and the connection closed
  void black_hole(bool on);                 // nothing passes in either direction; connections stay
  void send_to(std::uint16_t target_port);  // new connections only

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace holdfast::test
