#include "adapters/tcp_proxy.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <set>

namespace holdfast::test {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
constexpr auto kOutcome = asio::as_tuple(asio::use_awaitable);

namespace {

struct Pair {
  tcp::socket client;
  tcp::socket server;
  void close() {
    boost::system::error_code ignored;
    client.close(ignored);
    server.close(ignored);
  }
};

}  // namespace

struct TcpProxy::State : std::enable_shared_from_this<TcpProxy::State> {
  State(asio::io_context& io, std::uint16_t target)
      : acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), target_port(target) {}

  awaitable<void> accept(std::shared_ptr<State> self) {
    while (acceptor.is_open()) {
      auto [error, client] = co_await acceptor.async_accept(kOutcome);
      if (error) co_return;
      ++connections;
      tcp::socket server(client.get_executor());
      const auto [refused] =
          co_await server.async_connect({asio::ip::address_v4::loopback(), target_port}, kOutcome);
      if (refused) continue;
      client.set_option(tcp::no_delay(true));
      server.set_option(tcp::no_delay(true));
      auto pair = std::make_shared<Pair>(std::move(client), std::move(server));
      pairs.insert(pair);
      asio::co_spawn(acceptor.get_executor(), pass(self, pair, true), asio::detached);
      asio::co_spawn(acceptor.get_executor(), pass(self, pair, false), asio::detached);
    }
  }

  awaitable<void> pass(std::shared_ptr<State> self, std::shared_ptr<Pair> pair, bool to_server) {
    auto& from = to_server ? pair->client : pair->server;
    auto& to = to_server ? pair->server : pair->client;
    auto buffer = std::make_unique<std::array<char, 16384>>();
    while (true) {
      const auto [error, size] = co_await from.async_read_some(asio::buffer(*buffer), kOutcome);
      if (error || (!to_server && losing_answers)) break;
      if (in_black_hole) continue;
      const auto [failed, written] =
          co_await asio::async_write(to, asio::buffer(buffer->data(), size), kOutcome);
      if (failed) break;
    }
    pair->close();
    pairs.erase(pair);
  }

  tcp::acceptor acceptor;
  std::uint16_t target_port;
  std::set<std::shared_ptr<Pair>> pairs;
  bool losing_answers = false;
  bool in_black_hole = false;
  int connections = 0;
};

TcpProxy::TcpProxy(net::Runtime& runtime, std::uint16_t target_port)
    : state_(std::make_shared<State>(runtime.io(), target_port)) {
  asio::co_spawn(runtime.io(), state_->accept(state_), asio::detached);
}

TcpProxy::~TcpProxy() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  cut();
}

std::uint16_t TcpProxy::port() const { return state_->acceptor.local_endpoint().port(); }
int TcpProxy::connections() const { return state_->connections; }

void TcpProxy::cut() {
  for (const auto& pair : state_->pairs) pair->close();
}
void TcpProxy::lose_answers(bool on) { state_->losing_answers = on; }
void TcpProxy::black_hole(bool on) { state_->in_black_hole = on; }
void TcpProxy::send_to(std::uint16_t target_port) { state_->target_port = target_port; }

}  // namespace holdfast::test
