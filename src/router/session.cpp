#include "router/session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>
#include <variant>

#include "router/cancel_delivery.hpp"
#include "telemetry/log.hpp"

namespace holdfast::router {
namespace {

using routing::EndKind;
using routing::SessionEnd;
namespace wire = pg::wire;

// What is kept of a client that talks while it waits: its first packet, and a first query of a client that
// does not wait for an answer. With max_held it bounds the memory of a router without a leader.
constexpr std::size_t kKeptBytes = 16 << 10;
// How long the last words get to be read. Closing at once would make the kernel send a reset when the client
// has sent something meanwhile, and a reset makes its kernel forget what it has not read.
constexpr auto kLinger = std::chrono::milliseconds(1000);

void let_it_end_the_program(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

Session::Session(EventLoop& loop, Socket client, routing::Port port)
    : loop_(loop),
      shared_(loop.shared()),
      port_(port),
      peer_(peer_name(client)),
      client_(std::move(client)),
      server_(loop.io().get_executor()),
      resolver_(loop.io().get_executor()),
      deadline_(loop.io().get_executor()),
      pause_(loop.io().get_executor()),
      client_gate_(loop.io().get_executor()),
      attempt_timer_(loop.io().get_executor()) {
  loop_.sessions_.push_back(*this);
  loop_.counters().connections.add();
  loop_.counters(port_).accepted.add();
}

Session::~Session() {
  leave_server();
  leave_books();
  loop_.counters().connections.subtract();
  shared_.admission.disconnect();
}

void Session::start(EventLoop& loop, Socket client, routing::Port port) {
  auto session = std::make_shared<Session>(loop, std::move(client), port);
  tune(session->client_);
  asio::co_spawn(loop.io(), run(session), let_it_end_the_program);
  asio::co_spawn(loop.io(), read_client(session), let_it_end_the_program);
}

Async<> Session::run(std::shared_ptr<Session> self) {
  auto end = co_await self->live();
  co_await self->finish(std::move(end));
}

Async<SessionEnd> Session::live() {
  set_deadline(shared_.config.login_timeout, EndKind::login_expired);
  if (loop_.draining()) drain();
  if (auto end = co_await read_first_packets()) co_return *end;
  if (auto end = co_await get_place()) co_return *end;
  if (auto end = co_await attach()) co_return *end;
  clear_deadline();
  co_return co_await relay();
}

// https://www.postgresql.org/docs/15/protocol-flow.html: a client may ask for GSSAPI and then for TLS
// encryption before it starts, each once. Neither is offered.
Async<Session::Step> Session::read_first_packets() {
  bool may_ask_ssl = true, may_ask_gss = true;
  for (;;) {
    if (ending_) co_return ending_;
    const auto size = wire::first_packet_size(client_in_);
    if (!size) co_return SessionEnd{EndKind::bad_packet, size.error().message};
    if (!*size || client_in_.size() < **size) {
      co_await pause();
      continue;
    }
    auto packet = wire::parse_first_packet(std::string_view(client_in_).substr(0, **size));
    if (!packet) co_return SessionEnd{EndKind::bad_packet, packet.error().message};
    if (auto* startup = std::get_if<wire::StartupMessage>(&*packet)) {
      if (startup->major != 3) {
        co_return SessionEnd{EndKind::unsupported_protocol,
                             fmt::format("unsupported frontend protocol {}.{}: the router supports 3.x",
                                         startup->major, startup->minor)};
      }
      startup_packet_ = client_in_.substr(0, **size);
      client_in_.erase(0, **size);
      co_return std::nullopt;
    }
    if (auto* cancel = std::get_if<wire::CancelRequest>(&*packet))
      co_return co_await relay_cancel(cancel->key);
    const bool asks_ssl = std::holds_alternative<wire::SslRequest>(*packet);
    if (!std::exchange(asks_ssl ? may_ask_ssl : may_ask_gss, false))
      co_return SessionEnd{EndKind::bad_packet, "encryption was asked for twice"};
    // What follows unasked could have been put there by somebody in between, for when encryption is on
    // (CVE-2021-23222); PostgreSQL refuses it too.
    if (client_in_.size() > **size)
      co_return SessionEnd{EndKind::bad_packet, "received unencrypted data after a request for encryption"};
    client_in_.clear();
    if (!co_await pass_to_client("N")) co_return SessionEnd{EndKind::client_lost};
  }
}

Async<Session::Step> Session::get_place() {
  if (shared_.admission.enter()) {
    has_place_ = true;
    co_return std::nullopt;
  }
  in_line_ = true;
  shared_.admission.line_up(*this);
  set_deadline(shared_.config.hold_timeout, EndKind::too_many_sessions);
  while (!has_place_) {
    auto end =
        co_await wait_for(fmt::format("no place for another session (maxconn {})", shared_.config.maxconn));
    if (end) co_return end;
  }
  co_return std::nullopt;
}

// From any thread.
void Session::admitted() {
  asio::post(loop_.io(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || !self->in_line_) return;  // it has left meanwhile, and given the place back
    self->in_line_ = false;
    self->has_place_ = true;
    self->wake();
  });
}

// The request goes on its way even if the client does not wait for the end of it.
Async<Session::Step> Session::relay_cancel(wire::CancelKey key) {
  const auto servers = shared_.cancel_keys.servers_of(key);
  (servers.empty() ? loop_.counters().cancels_unknown : loop_.counters().cancels_relayed).add();
  const auto request = wire::encode(wire::CancelRequest{std::move(key)});
  for (const auto& server : servers)
    co_await deliver_cancel(loop_.io(), server, request, shared_.config.connect_timeout);
  co_return SessionEnd{EndKind::cancel_request};
}

Async<> Session::finish(SessionEnd end) {
  clear_deadline();
  telemetry::debug("client {} ({}{}{}): {}{}{}", peer_, to_string(port_), assignment_ ? ", " : "",
                   assignment_ ? assignment_->server.name : "", to_string(end.kind),
                   end.message.empty() ? "" : ": ", end.message);
  loop_.counters().ends[static_cast<std::size_t>(end.kind)].add();
  const bool between_messages = state_.client_can_be_told() && !client_write_broken_;
  state_.close();
  leave_server();
  leave_books();
  set_client_mode(ClientMode::drop);
  const auto error = to_error(end);
  if (between_messages && !client_gone_ && !error.sqlstate.empty()) co_await tell_and_linger(encode(error));
  error_code ignored;
  client_.close(ignored);  // ends read_client()
  client_gate_.cancel();
}

Async<> Session::tell_and_linger(std::string last_words) {
  // A client that has left no room for them does not read.
  if (write_now(client_, last_words) < last_words.size()) co_return;
  error_code ignored;
  client_.shutdown(Socket::shutdown_send, ignored);
  if (!client_gone_) co_await pause(kLinger);  // until read_client() meets the end
}

void Session::leave_books() {
  if (std::exchange(in_line_, false) && !shared_.admission.leave_line(*this)) shared_.admission.leave();
  if (std::exchange(has_place_, false)) shared_.admission.leave();
  end_hold();
  const bool tried_connecting = loop_.connecting().forget(this);
  const bool tried_promotion = loop_.promotion().forget(this);
  if (tried_connecting || tried_promotion) loop_.wake_waiting();
}

// Reading the client ----------------------------------------------------------------------------------------

Async<> Session::read_client(std::shared_ptr<Session> self) {
  auto& session = *self;
  error_code problem;
  while (!problem) {
    while (session.client_mode_ == ClientMode::keep && session.client_in_.size() >= kKeptBytes) {
      session.client_gate_.expires_at(Timer::time_point::max());
      co_await session.client_gate_.async_wait(kOutcome);
    }
    const auto [error, size] =
        co_await session.client_.async_read_some(asio::buffer(session.client_buffer_), kOutcome);
    problem = error;
    // interrupt() means run(), which may be writing to the same socket.
    if (error == asio::error::operation_aborted && session.client_.is_open()) problem = {};
    if (!error) co_await session.take_from_client({session.client_buffer_.data(), size});
  }
  session.client_gone_ = true;
  session.end_because({problem == asio::error::eof ? EndKind::client_left : EndKind::client_lost});
}

Async<> Session::take_from_client(std::string_view bytes) {
  switch (client_mode_) {
    case ClientMode::drop:
      break;
    case ClientMode::keep:
      client_in_.append(bytes);
      if (state_.stage() == routing::Stage::startup) wake();
      break;
    case ClientMode::pass_authentication:
      client_in_.append(bytes);
      co_await forward_authentication();
      break;
    case ClientMode::pass_all:
      co_await pass_to_server(bytes);
      break;
  }
}

void Session::set_client_mode(ClientMode mode) {
  client_mode_ = mode;
  client_gate_.cancel();
}

// What changes around it ------------------------------------------------------------------------------------

void Session::table_changed() {
  if (state_.stage() == routing::Stage::closing) return;
  if (!contacted_) {
    if (assignment_ && !still_wanted()) give_up_attempt("");
    return wake();
  }
  if (const auto reason = must_leave(loop_.table(), *assignment_, shared_.config.read_only_fallback)) {
    end_because({port_ == routing::Port::read_write ? EndKind::leader_changed : EndKind::replica_left,
                 fmt::format("terminating connection: {}", *reason),
                 "Connect again to be given another server."});
  }
  wake();
}

void Session::drain() {
  if (state_.stage() == routing::Stage::closing) return;
  if (contacted_ && !state_.quiet()) return;
  end_now();
}

void Session::end_now() {
  end_because({EndKind::router_stopping, "terminating connection: the router is shutting down"});
}

void Session::wake_if_waiting() {
  if (held_) wake();
}

void Session::end_because(SessionEnd end) {
  if (!ending_) ending_ = std::move(end);
  interrupt();
}

void Session::interrupt() {
  error_code ignored;
  server_.cancel(ignored);
  pause_.cancel();
  // Also ends a read of read_client(), which reads on.
  if (writing_to_client_) client_.cancel(ignored);
}

void Session::set_deadline(base::Duration after, EndKind kind) {
  deadline_.expires_after(after);
  deadline_.async_wait([self = shared_from_this(), id = ++deadline_id_, kind](error_code error) {
    if (!error && id == self->deadline_id_) self->end_because(self->expired(kind));
  });
}

void Session::clear_deadline() {
  ++deadline_id_;
  deadline_.cancel();
}

SessionEnd Session::expired(EndKind kind) const {
  const auto seconds = [](base::Duration duration) {
    return std::chrono::duration<double>(duration).count();
  };
  if (kind == EndKind::login_expired) {
    return {kind, fmt::format("canceling authentication due to timeout: not logged in after {:g} s",
                              seconds(shared_.config.login_timeout))};
  }
  return {kind,
          fmt::format("{} in scope {} for {:g} s", waiting_for_.empty() ? "no server" : waiting_for_,
                      shared_.scope, seconds(shared_.config.hold_timeout)),
          "The router's status page tells what it sees of the cluster."};
}

Async<> Session::pause() {
  pause_.expires_at(Timer::time_point::max());
  co_await pause_.async_wait(kOutcome);
}

Async<> Session::pause(std::chrono::milliseconds at_most) {
  pause_.expires_after(at_most);
  co_await pause_.async_wait(kOutcome);
}

}  // namespace holdfast::router
