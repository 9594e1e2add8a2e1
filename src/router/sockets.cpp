#include "router/sockets.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <vector>

namespace holdfast::router {
namespace {

// A peer whose host is gone without a word is noticed after 30 + 3 * 10 s when idle, and as soon when we wait
// for it to take our data. https://man7.org/linux/man-pages/man7/tcp.7.html
constexpr int kKeepAliveIdleSeconds = 30;
constexpr int kKeepAliveIntervalSeconds = 10;
constexpr int kKeepAliveProbes = 3;
constexpr unsigned kUserTimeoutMs = 60'000;

template <class T>
void set_option(Socket& socket, int level, int name, T value) {
  // What the kernel does not know it does without: every one of these only betters a connection.
  (void)::setsockopt(socket.native_handle(), level, name, &value, sizeof(value));
}

base::Result<std::vector<Tcp::endpoint>> addresses(asio::io_context& io, const routing::Endpoint& endpoint) {
  if (endpoint.host == "*")
    return std::vector{Tcp::endpoint(Tcp::v6(), endpoint.port), {Tcp::v4(), endpoint.port}};
  error_code error;
  Resolver resolver(io.get_executor());
  const auto found = resolver.resolve(endpoint.host, std::to_string(endpoint.port), error);
  if (error)
    return base::fail(base::ErrorKind::refused, "cannot look up {}: {}", endpoint.host, error.message());
  std::vector<Tcp::endpoint> list;
  for (const auto& entry : found) list.push_back(entry.endpoint());
  return list;
}

error_code open(Acceptor& acceptor, const Tcp::endpoint& address) {
  error_code error;
  const auto failed = [&error] { return error.failed(); };
  if (acceptor.open(address.protocol(), error), failed()) return error;
  if (acceptor.set_option(asio::socket_base::reuse_address(true), error), failed()) return error;
  if (address.protocol() == Tcp::v6()) acceptor.set_option(asio::ip::v6_only(false), error);
  if (acceptor.bind(address, error), failed()) return error;
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error;
}

}  // namespace

void tune(Socket& socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

std::size_t write_now(Socket& socket, std::string_view bytes) {
  std::size_t written = 0;
  error_code error;
  while (written < bytes.size() && !error)
    written += socket.write_some(asio::buffer(bytes.data() + written, bytes.size() - written), error);
  return written;
}

base::Result<Acceptor> listen(asio::io_context& io, const routing::Endpoint& endpoint) {
  const auto candidates = addresses(io, endpoint);
  if (!candidates) return std::unexpected(candidates.error());
  error_code error;
  for (const auto& address : *candidates) {
    Acceptor acceptor(io.get_executor());
    error = open(acceptor, address);
    if (!error) return acceptor;
  }
  return base::fail(base::ErrorKind::refused, "cannot listen on {}: {}", to_string(endpoint),
                    error.message());
}

std::string to_string(const routing::Endpoint& endpoint) {
  const bool bare_v6 = endpoint.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", bare_v6 ? "[" : "", endpoint.host, bare_v6 ? "]" : "", endpoint.port);
}

std::string peer_name(const Socket& socket) {
  error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (error) return "?";
  return to_string(routing::Endpoint{peer.address().to_string(), peer.port()});
}

}  // namespace holdfast::router
