// Passing bytes both ways, as they come: only the headers of messages are looked at.
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "router/session.hpp"

namespace holdfast::router {
namespace {

using routing::EndKind;
using routing::SessionEnd;

// A session that has much to pass lets others have their turn after so many pieces.
constexpr int kPiecesInARow = 8;

}  // namespace

Async<SessionEnd> Session::relay() {
  co_await pass_kept();
  if (!login_.received.empty()) {
    const auto rest = std::exchange(login_.received, {});
    if (!heard_server(rest) || !co_await pass_to_client(rest))
      co_return ending_.value_or(SessionEnd{EndKind::client_lost});
  }
  login_ = {};
  for (;;) {
    if (loop_.draining() && state_.quiet()) drain();
    if (ending_) co_return *ending_;
    const auto [error, size] = co_await server_.async_read_some(asio::buffer(server_buffer_), kOutcome);
    if (error) co_return ending_ ? *ending_ : server_gone();
    const std::string_view bytes(server_buffer_.data(), size);
    if (!heard_server(bytes)) continue;
    const bool passed =
        co_await pass_to_client(bytes) && (size < server_buffer_.size() || co_await pass_ready_to_client());
    if (!passed) co_return ending_.value_or(SessionEnd{EndKind::client_lost});
  }
}

// What the client sent ahead goes first; then read_client() passes on by itself.
Async<> Session::pass_kept() {
  while (!client_in_.empty() && !ending_) {
    const auto kept = std::exchange(client_in_, {});
    co_await pass_to_server(kept);
  }
  set_client_mode(ClientMode::pass_all);
}

// What the server says when it closes is passed on like all it says. A goodbye of the client needs no answer.
SessionEnd Session::server_gone() const {
  if (state_.client_said_goodbye()) return {EndKind::client_left};
  if (state_.server_explained_itself()) return {EndKind::server_left};
  return {EndKind::server_lost, fmt::format("{} closed the connection unexpectedly", describe_server()),
          "This probably means that the server has crashed or was stopped. Connect again."};
}

// To the server ---------------------------------------------------------------------------------------------

bool Session::heard_client(std::string_view bytes) {
  server_counters_->bytes_to_server.add(bytes.size());
  if (state_.client_sent(bytes)) return true;
  end_because({EndKind::bad_packet, "invalid message length"});
  return false;
}

// A server that does not take them any more is met by the one who reads from it.
Async<> Session::pass_to_server(std::string_view bytes) {
  if (!heard_client(bytes)) co_return;
  const auto written = write_now(server_, bytes);
  if (written < bytes.size()) co_await write_rest(server_, bytes.substr(written));
  if (bytes.size() == client_buffer_.size()) co_await pass_ready_to_server();
}

Async<> Session::pass_ready_to_server() {
  for (int piece = 0; piece < kPiecesInARow && !ending_; ++piece) {
    const auto space = loop_.scratch();
    error_code error;
    const auto size = client_.read_some(asio::buffer(space.data(), space.size()), error);
    if (error) co_return;  // nothing is ready, or read_client() meets it
    const std::string_view bytes(space.data(), size);
    if (!heard_client(bytes)) co_return;
    const auto written = write_now(server_, bytes);
    if (written == size) continue;
    const std::string rest(bytes.substr(written));  // the space is others' as soon as we wait
    if (!co_await write_rest(server_, rest)) co_return;
  }
}

// To the client ---------------------------------------------------------------------------------------------

bool Session::heard_server(std::string_view bytes) {
  server_counters_->bytes_from_server.add(bytes.size());
  if (state_.server_sent(bytes)) return true;
  end_because({EndKind::server_lost, fmt::format("{} sent an invalid message length", describe_server())});
  return false;
}

Async<bool> Session::pass_to_client(std::string_view bytes) {
  const auto written = write_now(client_, bytes);
  co_return written == bytes.size() || co_await write_rest(client_, bytes.substr(written));
}

Async<bool> Session::pass_ready_to_client() {
  for (int piece = 0; piece < kPiecesInARow && !ending_; ++piece) {
    const auto space = loop_.scratch();
    error_code error;
    const auto size = server_.read_some(asio::buffer(space.data(), space.size()), error);
    if (error) break;  // nothing is ready, or relay() meets it
    const std::string_view bytes(space.data(), size);
    if (!heard_server(bytes)) break;
    const auto written = write_now(client_, bytes);
    if (written == size) continue;
    const std::string rest(bytes.substr(written));  // the space is others' as soon as we wait
    if (!co_await write_rest(client_, rest)) co_return false;
  }
  co_return true;
}

Async<bool> Session::write_rest(Socket& socket, std::string_view bytes) {
  const bool to_client = &socket == &client_;
  bool written = false;
  if (!ending_) {
    writing_to_client_ = to_client;
    const auto [error, size] = co_await asio::async_write(socket, asio::buffer(bytes), kOutcome);
    if (to_client) writing_to_client_ = false;
    written = !error;
  }
  if (!written && to_client) client_write_broken_ = true;
  co_return written;
}

}  // namespace holdfast::router
