#include "router/cancel_delivery.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>
#include <memory>

namespace holdfast::router {
namespace {

struct Delivery {
  explicit Delivery(asio::io_context& io) : socket(io.get_executor()), resolver(io.get_executor()) {}
  Socket socket;
  Resolver resolver;
  bool expired = false;
};

}  // namespace

Async<> deliver_cancel(asio::io_context& io, routing::Server server, std::string request,
                       base::Duration limit) {
  const auto delivery = std::make_shared<Delivery>(io);
  Timer timer(io.get_executor(), limit);
  timer.async_wait([delivery](error_code error) {
    if (error) return;
    delivery->expired = true;
    delivery->resolver.cancel();
    delivery->socket.close(error);
  });
  const auto [not_found, addresses] = co_await delivery->resolver.async_resolve(
      server.address.host, std::to_string(server.address.port), kOutcome);
  if (not_found || delivery->expired) co_return;
  const auto [not_connected, address] = co_await asio::async_connect(delivery->socket, addresses, kOutcome);
  if (not_connected) co_return;
  co_await asio::async_write(delivery->socket, asio::buffer(request), kOutcome);
  char answer = 0;  // there is none, only the end of the connection
  co_await delivery->socket.async_read_some(asio::buffer(&answer, 1), kOutcome);
}

}  // namespace holdfast::router
