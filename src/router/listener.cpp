#include "router/listener.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "telemetry/log.hpp"

namespace holdfast::router {
namespace {

// Without file descriptors accept() fails at once, again and again: the client stays in the queue.
constexpr auto kRestAfterFailure = std::chrono::milliseconds(100);

}  // namespace

Listener::Listener(const Loops& loops, Acceptor acceptor, routing::Port port)
    : loops_(loops),
      acceptor_(std::move(acceptor)),
      rest_(acceptor_.get_executor()),
      port_(port),
      bound_port_(acceptor_.local_endpoint().port()) {}

void Listener::start() { asio::co_spawn(acceptor_.get_executor(), accept_clients(), asio::detached); }

void Listener::close() {
  asio::post(acceptor_.get_executor(), [this] {
    error_code ignored;
    acceptor_.close(ignored);
    rest_.cancel();
  });
}

Async<> Listener::accept_clients() {
  bool failing = false;
  while (acceptor_.is_open()) {
    auto& loop = *loops_[next_++ % loops_.size()];
    auto [error, client] = co_await acceptor_.async_accept(loop.io(), kOutcome);
    if (!error) {
      failing = false;
      if (loop.shared().admission.connect()) {
        loop.serve(std::move(client), port_);
      } else {
        turn_away(std::move(client));
      }
    } else if (acceptor_.is_open() && error != asio::error::connection_aborted) {
      if (!std::exchange(failing, true))
        telemetry::error("cannot accept {} clients: {}", to_string(port_), error.message());
      rest_.expires_after(kRestAfterFailure);
      co_await rest_.async_wait(kOutcome);
    }
  }
}

// There are more clients than the router can even listen to.
void Listener::turn_away(Socket client) {
  const auto words =
      pg::wire::encode(routing::to_error({routing::EndKind::too_many_sessions,
                                          "sorry, too many clients: the router takes no more connections"}));
  auto& counters = loops_.front()->counters();
  counters.ports[static_cast<std::size_t>(port_)].accepted.add();
  counters.ends[static_cast<std::size_t>(routing::EndKind::too_many_sessions)].add();
  tune(client);
  write_now(client, words);
}

}  // namespace holdfast::router
