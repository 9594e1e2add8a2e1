// Getting a server: waiting for one, connecting, passing authentication through, and making sure that it
// takes writes before the client may have it.
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "router/session.hpp"
#include "telemetry/log.hpp"

namespace holdfast::router {
namespace {

using routing::EndKind;
using routing::Recovery;
using routing::SessionEnd;
namespace wire = pg::wire;

// A killed postmaster refuses connections within milliseconds, a promotion takes tens of them: much shorter
// waits would only burn the CPU that the server needs to come up, much longer ones would be most of the
// outage.
constexpr std::chrono::milliseconds kFirstBackoff{10};
constexpr std::chrono::milliseconds kLongestBackoff{50};

// The largest message of a login; PostgreSQL takes tokens of up to 64 kB (PG_MAX_AUTH_TOKEN_LENGTH).
constexpr std::size_t kLargestLoginMessage = 80 << 10;

// "cannot connect now": the server starts, stops or recovers. Later it may let the client in.
constexpr std::string_view kCannotConnectNow = "57P03";

std::chrono::milliseconds next_backoff(std::chrono::milliseconds last) {
  return std::clamp(last * 2, kFirstBackoff, kLongestBackoff);
}

}  // namespace

Async<Session::Step> Session::attach() {
  set_deadline(shared_.config.hold_timeout, EndKind::hold_expired);
  for (;;) {
    if (ending_) co_return ending_;
    auto choice = loop_.choose(port_);
    if (const auto* wait = std::get_if<routing::Wait>(&choice)) {
      if (auto end = co_await wait_for(wait->why)) co_return end;
      continue;
    }
    auto& chosen = std::get<routing::Assignment>(choice);
    const bool another = assignment_ && assignment_->server != chosen.server;
    assignment_ = std::move(chosen);
    if (another && loop_.connecting().forget(this)) loop_.wake_waiting();
    const auto& server = assignment_->server;
    if (!loop_.connecting().may_try(server, this)) {
      if (auto end = co_await wait_for(loop_.connecting().why(server))) co_return end;
      continue;
    }
    if (loop_.connecting().in_trouble(server, loop_.now())) {
      backoff_ = next_backoff(backoff_);
      if (auto end = co_await wait_for(loop_.connecting().why(server), backoff_)) co_return end;
      if (!still_wanted()) continue;
    }
    if (co_await try_server()) break;
    note_failure();
  }
  note_answer();
  if (auto end = co_await authenticate()) co_return end;
  if (auto end = co_await await_promotion()) co_return end;
  co_return co_await establish();
}

// Whether a login at the server makes sense under the table of now.
bool Session::still_wanted() const {
  const auto& table = loop_.table();
  if (must_leave(table, *assignment_, shared_.config.read_only_fallback)) return false;
  return !assignment_->as_leader || table.has_leader;
}

// Connecting ------------------------------------------------------------------------------------------------

Async<bool> Session::try_server() {
  state_.authenticate();
  login_ = {};
  server_counters_ = &loop_.counters().server(assignment_->server.name);
  start_attempt_timer();
  const bool answered = co_await get_first_answer();
  ++attempt_id_;
  attempt_timer_.cancel();
  co_return answered && !ending_;
}

Async<bool> Session::get_first_answer() {
  if (!co_await connect_server()) co_return false;
  const auto [error, size] = co_await asio::async_write(server_, asio::buffer(startup_packet_), kOutcome);
  const auto first = error ? std::nullopt : co_await next_from_server();
  if (login_.given_up) co_return false;
  if (!first) {
    login_.problem = fmt::format("{} closes connections without an answer", describe_server());
    co_return false;
  }
  if (first->type != 'E') co_return true;
  const auto refusal = wire::error_fields(first->body);
  if (!refusal || refusal->sqlstate != kCannotConnectNow) co_return true;  // the client's to know
  login_.problem = fmt::format("{} says: {}", describe_server(), refusal->message);
  co_return false;
}

Async<bool> Session::connect_server() {
  const auto addresses = co_await look_up(assignment_->server.address);
  error_code problem = asio::error::host_not_found;
  for (const auto& address : addresses) {
    if (login_.given_up || ending_) co_return false;
    error_code ignored;
    server_.close(ignored);
    const auto [error] = co_await server_.async_connect(address, kOutcome);
    problem = error;
    if (!error) {
      tune(server_);
      co_return true;
    }
  }
  if (!login_.given_up)
    login_.problem = fmt::format("cannot connect to {}: {}", describe_server(), problem.message());
  co_return false;
}

// Looking a name up cannot be interrupted (it is getaddrinfo() in a thread), but waiting for it can.
Async<std::vector<Tcp::endpoint>> Session::look_up(routing::Endpoint address) {
  error_code not_numeric;
  const auto numeric = asio::ip::make_address(address.host, not_numeric);
  if (!not_numeric) co_return std::vector{Tcp::endpoint(numeric, address.port)};
  const auto found = std::make_shared<std::optional<std::vector<Tcp::endpoint>>>();
  resolver_.async_resolve(
      address.host, std::to_string(address.port),
      [self = shared_from_this(), found](error_code, const Resolver::results_type& entries) {
        found->emplace();
        for (const auto& entry : entries) (*found)->push_back(entry.endpoint());
        self->wake();
      });
  while (!*found && !login_.given_up && !ending_) co_await pause();
  co_return found->value_or(std::vector<Tcp::endpoint>());
}

void Session::start_attempt_timer() {
  attempt_timer_.expires_after(shared_.config.connect_timeout);
  attempt_timer_.async_wait([self = shared_from_this(), id = ++attempt_id_](error_code error) {
    if (error || id != self->attempt_id_) return;
    self->give_up_attempt(fmt::format("{} does not answer", self->describe_server()));
  });
}

void Session::give_up_attempt(std::string problem) {
  if (login_.given_up) return;
  login_.given_up = true;
  login_.problem = std::move(problem);
  error_code ignored;
  server_.cancel(ignored);
  wake();
}

void Session::note_failure() {
  leave_server();
  if (ending_ || login_.problem.empty()) return;
  server_counters_->connect_failures.add();
  if (loop_.connecting().failed(assignment_->server, this, login_.problem, loop_.now()))
    telemetry::warning("{}; new {} clients wait", login_.problem, to_string(port_));
}

void Session::note_answer() {
  contacted_ = true;
  backoff_ = Milliseconds(0);
  server_counters_->connects.add();
  server_counters_->sessions.add();
  const auto since = loop_.connecting().answered(assignment_->server);
  if (!since) return;
  telemetry::info("{} answers again after {}", describe_server(), base::to_string(loop_.now() - *since));
  loop_.wake_waiting();
}

// Leaves no trace of the session at the server, whether it got as far as being counted there or not.
void Session::leave_server() {
  if (std::exchange(contacted_, false)) server_counters_->sessions.subtract();
  if (cancel_key_) {
    shared_.cancel_keys.remove(*cancel_key_, assignment_->server);
    cancel_key_.reset();
    loop_.counters(port_).sessions.subtract();
  }
  error_code ignored;
  server_.close(ignored);
}

std::string Session::describe_server() const {
  return fmt::format("server {} ({})", assignment_->server.name, to_string(assignment_->server.address));
}

// Authentication --------------------------------------------------------------------------------------------

// Passed through message by message up to AuthenticationOk. From there on all is held back, for on the
// read-write port the client must not go on before the server is known to take writes.
Async<Session::Step> Session::authenticate() {
  end_hold();
  set_deadline(shared_.config.login_timeout, EndKind::login_expired);
  set_client_mode(ClientMode::pass_authentication);
  while (!login_.ready) {
    const auto message = co_await next_from_server();
    if (ending_) co_return ending_;
    if (!message) co_return server_gone();
    const bool is_error = message->type == 'E';
    if (auto end = take_login_message(*message)) co_return end;
    consume(*message);
    if (login_.authenticated) set_client_mode(ClientMode::keep);
    if (login_.authenticated && !is_error) continue;
    const auto said = std::exchange(login_.for_client, {});
    if (!co_await pass_to_client(said)) co_return ending_ ? ending_ : SessionEnd{EndKind::client_lost};
    if (is_error) co_return SessionEnd{EndKind::server_left};
  }
  co_return ending_;
}

// Notes what matters in it, and keeps it for the client where that is due.
Session::Step Session::take_login_message(const wire::Message& message) {
  const auto unexpected = [&] {
    return SessionEnd{EndKind::server_lost,
                      fmt::format("{} sent an unexpected message of type {:#04x}", describe_server(),
                                  static_cast<unsigned char>(message.type))};
  };
  switch (message.type) {
    case 'R': {
      const auto code = wire::authentication_code(message.body);
      if (!code || login_.authenticated) return unexpected();
      login_.authenticated = *code == 0;
      break;
    }
    case 'S': {
      const auto status = wire::parameter_status(message.body);
      if (!status || !login_.authenticated) return unexpected();
      if (status->name != "in_hot_standby") break;
      login_.recovery = status->value == "off" ? Recovery::primary : Recovery::standby;
      return std::nullopt;  // the client is told in the end, when it is sure
    }
    case 'K': {
      auto key = wire::backend_key_data(message.body);
      if (!key) return unexpected();
      login_.key = std::move(*key);
      break;
    }
    case 'Z':
      if (!login_.authenticated) return unexpected();
      login_.ready = true;
      return std::nullopt;  // told last
    case 'E':
    case 'N':
    case 'v':  // NegotiateProtocolVersion
      break;
    default:
      return unexpected();
  }
  login_.for_client += wire::encode(message.type, message.body);
  return std::nullopt;
}

// Only password messages may go to the server now; a query that the client sends ahead waits for the
// promotion.
Async<> Session::forward_authentication() {
  for (;;) {
    const auto message = wire::whole_message(client_in_, kLargestLoginMessage);
    if (!message) co_return end_because({EndKind::bad_packet, message.error().message});
    if (!*message || (*message)->type != 'p' || client_mode_ != ClientMode::pass_authentication) co_return;
    const auto whole = client_in_.substr(0, (*message)->size());
    client_in_.erase(0, whole.size());
    co_await asio::async_write(server_, asio::buffer(whole),
                               kOutcome);  // an error is met by the one who reads
  }
}

Async<std::optional<wire::Message>> Session::next_from_server() {
  for (;;) {
    const auto message = wire::whole_message(login_.received, kLargestLoginMessage);
    if (!message) {
      telemetry::warning("{}: {}", describe_server(), message.error().message);
      co_return std::nullopt;
    }
    if (*message) co_return *message;
    if (ending_ || login_.given_up) co_return std::nullopt;
    const auto [error, size] = co_await server_.async_read_some(asio::buffer(server_buffer_), kOutcome);
    if (error) co_return std::nullopt;
    login_.received.append(server_buffer_.data(), size);
  }
}

// Promotion -------------------------------------------------------------------------------------------------

// A leader key comes before the promotion: the client has logged in to what is still a standby. That
// connection outlives the promotion (https://www.postgresql.org/docs/15/hot-standby.html), so it is kept, and
// the server asked until it says that it takes writes: it reports in_hot_standby anew before a ReadyForQuery,
// which a Sync brings.
Async<Session::Step> Session::await_promotion() {
  if (may_serve(loop_.table(), *assignment_, login_.recovery)) co_return std::nullopt;
  set_deadline(shared_.config.hold_timeout, EndKind::not_promoted);
  while (!may_serve(loop_.table(), *assignment_, login_.recovery)) {
    const auto what = fmt::format("{} has not been promoted", describe_server());
    const bool asks =
        login_.recovery == Recovery::standby && loop_.promotion().may_try(assignment_->server, this);
    if (!asks) {
      if (auto end = co_await wait_for(what)) co_return end;
      if (login_.recovery != Recovery::standby) continue;  // the table has changed
    } else {
      backoff_ = next_backoff(backoff_);
      if (auto end = co_await wait_for(what, backoff_)) co_return end;
    }
    if (auto end = co_await ask_recovery()) co_return end;
    if (login_.recovery == Recovery::standby) {
      loop_.promotion().failed(assignment_->server, this, what, loop_.now());
    } else if (loop_.promotion().answered(assignment_->server)) {
      loop_.wake_waiting();
    }
  }
  if (loop_.promotion().forget(this)) loop_.wake_waiting();
  co_return ending_;
}

Async<Session::Step> Session::ask_recovery() {
  const auto sync = wire::encode('S', "");
  co_await asio::async_write(server_, asio::buffer(sync), kOutcome);
  login_.ready = false;
  while (!login_.ready) {
    const auto message = co_await next_from_server();
    if (ending_) co_return ending_;
    if (!message) co_return server_gone();
    const bool is_error = message->type == 'E';
    if (auto end = take_login_message(*message)) co_return end;
    consume(*message);
    if (!is_error) continue;
    co_await pass_to_client(std::exchange(login_.for_client, {}));  // the server shuts down
    co_return SessionEnd{EndKind::server_left};
  }
  co_return std::nullopt;
}

Async<Session::Step> Session::establish() {
  auto welcome = std::exchange(login_.for_client, {});
  if (login_.recovery != Recovery::unknown)
    welcome += wire::encode(
        wire::ParameterStatus{"in_hot_standby", login_.recovery == Recovery::primary ? "off" : "on"});
  welcome += wire::encode('Z', "I");
  end_hold();
  clear_deadline();
  cancel_key_ = login_.key ? *login_.key : wire::CancelKey{};
  shared_.cancel_keys.add(*cancel_key_, assignment_->server);
  loop_.counters(port_).sessions.add();
  state_.establish();
  if (!co_await pass_to_client(welcome)) co_return ending_ ? ending_ : SessionEnd{EndKind::client_lost};
  co_return ending_;
}

// Waiting ---------------------------------------------------------------------------------------------------

Session::Step Session::begin_hold(std::string what) {
  waiting_for_ = std::move(what);
  state_.hold();
  if (held_ || ending_) return ending_;
  if (!shared_.admission.hold()) {
    return SessionEnd{EndKind::too_many_held, fmt::format("{}, and {} connections wait already", waiting_for_,
                                                          shared_.config.max_held)};
  }
  held_ = true;
  loop_.counters(port_).held.add();
  loop_.counters(port_).ever_held.add();
  return std::nullopt;
}

void Session::end_hold() {
  if (!std::exchange(held_, false)) return;
  shared_.admission.release();
  loop_.counters(port_).held.subtract();
}

Async<Session::Step> Session::wait_for(std::string what) {
  if (auto end = begin_hold(std::move(what))) co_return end;
  co_await pause();
  co_return ending_;
}

Async<Session::Step> Session::wait_for(std::string what, Milliseconds at_most) {
  if (auto end = begin_hold(std::move(what))) co_return end;
  co_await pause(at_most);
  co_return ending_;
}

}  // namespace holdfast::router
