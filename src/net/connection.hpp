// One TCP connection, with or without TLS, for the HTTP server and client. Internal to net/, heavy.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "net/tls.hpp"

namespace holdfast::net {

// All functions take the connection by shared_ptr, because an abandoned Asio coroutine ends after its owner.
struct Connection {
  using Tls = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

  explicit Connection(boost::asio::ip::tcp::socket opened) : socket(std::move(opened)) {}

  boost::asio::ip::tcp::socket socket;
  TlsContext context;  // keeps alive what `tls` refers to
  std::optional<Tls> tls;
  std::string input;     // received, not yet parsed
  bool writing = false;  // bytes may be on their way that `sent` does not count yet
  std::size_t sent = 0;  // bytes, since the counters were last set to zero
  std::size_t received = 0;

  void use_tls(TlsContext with);
  void close();
};
using ConnectionPtr = std::shared_ptr<Connection>;

// Appends what arrives next to `input`. End of file is boost::asio::error::eof.
boost::asio::awaitable<boost::system::error_code> read_more(ConnectionPtr connection);

boost::asio::awaitable<boost::system::error_code> write_all(ConnectionPtr connection, std::string bytes);

// The text of a TLS failure: the certificate verification's, where that is the reason, else OpenSSL's.
boost::asio::awaitable<base::Result<void>> shake_hands_as_server(ConnectionPtr connection);
// `host` is what the server's certificate must be made for. refused: a TLS error; unreachable: the connection
// broke.
boost::asio::awaitable<base::Result<void>> shake_hands_as_client(ConnectionPtr connection, std::string host);

// True if OpenSSL made this error (not a broken connection): certificates or protocol do not fit.
bool is_tls_refusal(const boost::system::error_code& error);

// True if the peer closed this idle connection, or sent something nobody asked for.
bool is_stale(Connection& connection);

// Tells the client no more is coming and reads on a little, so that closing with unread input does not reset
// the connection before it has read our last answer. https://www.rfc-editor.org/rfc/rfc9112#section-9.6
boost::asio::awaitable<void> linger(ConnectionPtr connection);

}  // namespace holdfast::net
