#include "net/connection.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/x509v3.h>

namespace holdfast::net {

namespace asio = boost::asio;
using asio::awaitable;
using base::ErrorKind;
using boost::system::error_code;

constexpr auto kOutcome = asio::as_tuple(asio::use_awaitable);

void Connection::use_tls(TlsContext with) {
  context = std::move(with);
  tls.emplace(socket, *context);
}

void Connection::close() {
  error_code ignored;
  socket.close(ignored);
}

awaitable<error_code> read_more(ConnectionPtr connection) {
  constexpr std::size_t kPiece = 16 << 10;  // a TLS record
  // The buffer is the connection's own: this frame may outlive whoever waits for it, not the connection.
  const auto before = connection->input.size();
  connection->input.resize(before + kPiece);
  const auto into = asio::buffer(connection->input.data() + before, kPiece);
  const auto [error, size] = connection->tls ? co_await connection->tls->async_read_some(into, kOutcome)
                                             : co_await connection->socket.async_read_some(into, kOutcome);
  connection->input.resize(before + size);
  connection->received += size;
  co_return error;
}

awaitable<error_code> write_all(ConnectionPtr connection, std::string bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto rest = asio::buffer(bytes.data() + done, bytes.size() - done);
    connection->writing = true;
    const auto [error, size] = connection->tls ? co_await connection->tls->async_write_some(rest, kOutcome)
                                               : co_await connection->socket.async_write_some(rest, kOutcome);
    connection->writing = false;
    done += size;
    connection->sent += size;
    if (error) co_return error;
  }
  co_return error_code();
}

bool is_tls_refusal(const error_code& error) { return error.category() == asio::error::get_ssl_category(); }

namespace {

std::unexpected<base::Error> handshake_failure(Connection& connection, const error_code& error) {
  if (!is_tls_refusal(error)) return base::fail(ErrorKind::unreachable, "TLS handshake: {}", error.message());
  const auto verdict = SSL_get_verify_result(connection.tls->native_handle());
  if (verdict != X509_V_OK)
    return base::fail(ErrorKind::refused, "TLS: the peer's certificate is not accepted: {}",
                      X509_verify_cert_error_string(verdict));
  return base::fail(ErrorKind::refused, "TLS handshake: {}", error.message());
}

void expect_certificate_for(SSL* tls, const std::string& host) {
  error_code not_an_address;
  asio::ip::make_address(host, not_an_address);
  if (!not_an_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host.c_str());
  } else {
    SSL_set1_host(tls, host.c_str());
    SSL_set_tlsext_host_name(tls, const_cast<char*>(host.c_str()));  // the macro casts const away
  }
}

}  // namespace

awaitable<base::Result<void>> shake_hands_as_server(ConnectionPtr connection) {
  const auto [error] = co_await connection->tls->async_handshake(Connection::Tls::server, kOutcome);
  if (error) co_return handshake_failure(*connection, error);
  co_return base::Result<void>();
}

awaitable<base::Result<void>> shake_hands_as_client(ConnectionPtr connection, std::string host) {
  expect_certificate_for(connection->tls->native_handle(), host);
  const auto [error] = co_await connection->tls->async_handshake(Connection::Tls::client, kOutcome);
  if (error) co_return handshake_failure(*connection, error);
  co_return base::Result<void>();
}

bool is_stale(Connection& connection) {
  if (!connection.socket.is_open() || !connection.input.empty()) return true;
  char byte = 0;
  const auto got = ::recv(connection.socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  const bool nothing_yet = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  return !nothing_yet;
}

awaitable<void> linger(ConnectionPtr connection) {
  error_code ignored;
  connection->socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  constexpr std::size_t kEnough = 256 << 10;
  auto trash = std::make_unique<std::array<char, 4096>>();
  for (std::size_t dropped = 0; dropped < kEnough;) {
    const auto [error, size] = co_await connection->socket.async_read_some(asio::buffer(*trash), kOutcome);
    if (error) co_return;
    dropped += size;
  }
}

}  // namespace holdfast::net
