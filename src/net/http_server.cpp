#include "net/http_server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <list>

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "net/asio_task.hpp"
#include "net/connection.hpp"
#include "net/ip_network.hpp"
#include "telemetry/log.hpp"

namespace holdfast::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::ip::tcp;
using base::Duration;
using base::ErrorKind;
using base::fail;
using base::Result;
using base::Task;
using boost::system::error_code;

struct ReceivedRequest {
  HttpRequest request;
  bool keep_alive = false;
};

// What came instead of a request. status 0: nothing to answer to (the client is gone, or never spoke).
struct BadRequest {
  int status = 0;
};
using Received = std::expected<ReceivedRequest, BadRequest>;

using RequestParser = http::request_parser<http::string_body>;

int status_for(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  if (error == http::error::body_limit) return 413;
  return 400;
}

ReceivedRequest take_request(RequestParser& parser, const Connection& connection) {
  ReceivedRequest received;
  auto& message = parser.get();
  received.keep_alive = message.keep_alive();
  auto& request = received.request;
  request.method = message.method_string();
  request.target = message.target();
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  request.body = std::move(message.body());
  error_code gone;
  const auto peer = connection.socket.remote_endpoint(gone);
  if (!gone) {
    const auto address = peer.address().to_string();
    request.client_address = peer.address().is_v6() ? fmt::format("[{}]:{}", address, peer.port())
                                                    : fmt::format("{}:{}", address, peer.port());
  }
  if (connection.tls) {
    auto* tls = const_cast<Connection::Tls&>(*connection.tls).native_handle();  // asks, changes nothing
    const bool shown = SSL_get0_peer_certificate(tls) != nullptr;
    request.client_certificate_verified = shown && SSL_get_verify_result(tls) == X509_V_OK;
  }
  return received;
}

// curl and others wait for this before they send a large body.
bool wants_to_be_asked(const RequestParser& parser) {
  return boost::beast::iequals(parser.get()[http::field::expect], "100-continue");
}

awaitable<Received> read_request(ConnectionPtr connection, std::size_t max_header, std::size_t max_body) {
  RequestParser parser;
  parser.header_limit(static_cast<std::uint32_t>(max_header));
  parser.body_limit(max_body);
  parser.eager(true);
  bool asked = false;
  while (true) {
    error_code error;
    const auto used = parser.put(asio::buffer(connection->input), error);
    connection->input.erase(0, used);
    if (error && error != http::error::need_more) co_return std::unexpected(BadRequest{status_for(error)});
    if (parser.is_done()) break;
    if (!parser.is_header_done() && connection->input.size() > max_header)
      co_return std::unexpected(BadRequest{431});
    if (parser.is_header_done() && !asked && wants_to_be_asked(parser)) {
      asked = true;
      if (co_await write_all(connection, "HTTP/1.1 100 Continue\r\n\r\n"))
        co_return std::unexpected(BadRequest{});
    }
    if (co_await read_more(connection)) co_return std::unexpected(BadRequest{});
  }
  co_return take_request(parser, *connection);
}

// RFC 9110's date format. https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
std::string http_date(base::WallTime now) {
  using namespace std::chrono;
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<days>(now);
  const year_month_day date{day};
  const hh_mm_ss<seconds> clock{floor<seconds>(now - day)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[weekday{day}.c_encoding()],
                     unsigned{date.day()}, kMonths[unsigned{date.month()} - 1], int{date.year()},
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

struct Answering {
  bool without_body = false;  // to HEAD
  bool keep_alive = false;
};

std::string answer_text(const HttpResponse& response, Answering how, base::WallTime now) {
  auto text = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status, reason_phrase(response.status),
                          http_date(now));
  if (!response.header("server")) text += "Server: Holdfast\r\n";
  if (!response.content_type.empty()) text += fmt::format("Content-Type: {}\r\n", response.content_type);
  for (const auto& [name, value] : response.headers) text += fmt::format("{}: {}\r\n", name, value);
  const bool has_length = response.status >= 200 && response.status != 204 && response.status != 304;
  if (has_length) text += fmt::format("Content-Length: {}\r\n", response.body.size());
  text += how.keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  if (has_length && !how.without_body) text += response.body;
  return text;
}

struct Accepted {
  error_code error;
  std::optional<tcp::socket> socket;
};

awaitable<Accepted> accept_next(std::shared_ptr<tcp::acceptor> acceptor) {
  auto [error, socket] = co_await acceptor->async_accept(asio::as_tuple(asio::use_awaitable));
  if (error) co_return Accepted{error, std::nullopt};
  co_return Accepted{error, std::move(socket)};
}

// All addresses of one name.
using Addresses = std::vector<tcp::endpoint>;

bool is_every_address(const patroni::HostPort& where) { return where.host == "*" || where.host.empty(); }

Result<Addresses> addresses_of(asio::io_context& io, const patroni::HostPort& where) {
  error_code error;
  if (is_every_address(where)) return Addresses{tcp::endpoint(tcp::v4(), where.port)};
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(where.host, std::to_string(where.port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error)
    return fail(ErrorKind::refused, "cannot listen on {}:{}: the name cannot be resolved: {}", where.host,
                where.port, error.message());
  Addresses addresses;
  for (const auto& entry : found) addresses.push_back(entry.endpoint());
  return addresses;
}

// The same, while the program goes on.
Task<Result<Addresses>> look_up(Runtime& runtime, patroni::HostPort where, base::Instant deadline) {
  if (is_every_address(where)) co_return Addresses{tcp::endpoint(tcp::v4(), where.port)};
  Addresses addresses;
  for (const auto& text : co_await resolve_host(runtime, where.host, deadline)) {
    error_code error;
    const auto address = asio::ip::make_address(text, error);
    if (!error) addresses.emplace_back(address, where.port);
  }
  if (addresses.empty())
    co_return fail(ErrorKind::refused, "cannot listen on {}:{}: the name cannot be resolved", where.host,
                   where.port);
  co_return addresses;
}

std::shared_ptr<tcp::acceptor> listen_on(asio::io_context& io, const tcp::endpoint& address, int queue_size,
                                         error_code& error) {
  auto acceptor = std::make_shared<tcp::acceptor>(io);
  acceptor->open(address.protocol(), error);
  if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && address.address().is_v6()) acceptor->set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor->bind(address, error);
  if (!error) acceptor->listen(queue_size, error);
  return acceptor;
}

}  // namespace

struct HttpServer::Connections {
  // One client. `idle`: between requests, may be closed without loss.
  struct Client {
    ConnectionPtr connection;
    bool idle = false;
  };
  using ClientPlace = std::list<Client>::iterator;

  Connections(Runtime& on, HttpServerOptions with, Handler answer)
      : runtime(on),
        options(std::move(with)),
        handler(std::move(answer)),
        emptied(on.executor()),
        tasks(on.executor()) {}

  ~Connections() { stop_listening(); }

  Result<void> listen();
  Result<void> listen_on_each(const Addresses& addresses, std::uint16_t& port);
  Task<void> accept_all(std::shared_ptr<tcp::acceptor> acceptor);
  Task<void> serve(ClientPlace client);
  Task<void> converse(ClientPlace client);
  Task<bool> shake_hands(ConnectionPtr connection);
  Task<Received> next_request(ClientPlace client);
  Task<HttpResponse> handle(HttpRequest request);
  Task<bool> answer(ConnectionPtr connection, HttpResponse response, Answering how);
  Task<void> say_goodbye(ConnectionPtr connection);
  void close_idle();
  void stop_listening();
  Task<void> all_ended() { co_await emptied.wait(); }

  base::Instant after(Duration duration) const { return runtime.clock().now() + duration; }

  Runtime& runtime;
  HttpServerOptions options;
  Handler handler;
  bool stopping = false;
  std::vector<Addresses> names;  // what to listen on
  std::vector<std::shared_ptr<tcp::acceptor>> acceptors;
  base::Event emptied;  // set when the last connection ends
  std::list<Client> clients;
  base::TaskGroup tasks;  // last: its tasks refer to all of the above
};

Result<void> HttpServer::Connections::listen() {
  std::uint16_t port = 0;  // chosen by the first address, when the options leave it open
  for (const auto& addresses : names)
    if (const auto ok = listen_on_each(addresses, port); !ok) return ok;
  for (const auto& acceptor : acceptors) tasks.spawn(accept_all(acceptor));
  return {};
}

// An address of the name that this machine does not have (localhost as ::1 without IPv6) is left out if
// another works.
Result<void> HttpServer::Connections::listen_on_each(const Addresses& addresses, std::uint16_t& port) {
  std::optional<base::Error> left_out;
  bool any = false;
  for (auto address : addresses) {
    if (address.port() == 0) address.port(port);
    error_code error;
    auto acceptor = listen_on(runtime.io(), address, options.queue_size, error);
    if (error) {
      const base::Error problem{ErrorKind::refused,
                                fmt::format("cannot listen on {}:{}: {}", address.address().to_string(),
                                            address.port(), error.message())};
      if (error != asio::error::address_family_not_supported &&
          error != boost::system::errc::address_not_available)
        return std::unexpected(problem);
      left_out = problem;
      continue;
    }
    any = true;
    port = acceptor->local_endpoint().port();
    acceptors.push_back(std::move(acceptor));
  }
  if (!any && left_out) return std::unexpected(*left_out);
  return {};
}

Task<void> HttpServer::Connections::accept_all(std::shared_ptr<tcp::acceptor> acceptor) {
  while (!stopping) {
    auto accepted = co_await as_task(runtime, accept_next(acceptor));
    if (stopping) co_return;
    if (!accepted.socket) {
      if (!acceptor->is_open()) co_return;
      // Out of file descriptors, or a client that left between SYN and accept. Do not spin.
      co_await runtime.clock().sleep_until(after(std::chrono::milliseconds(50)));
      continue;
    }
    if (clients.size() >= options.max_connections) continue;  // closes it
    error_code ignored;
    accepted.socket->set_option(tcp::no_delay(true), ignored);
    clients.push_back({std::make_shared<Connection>(std::move(*accepted.socket))});
    emptied.clear();
    tasks.spawn(serve(std::prev(clients.end())));
  }
}

// Owns the client's place in the list: however this task ends, the connection is closed and the place is
// free.
Task<void> HttpServer::Connections::serve(ClientPlace client) {
  struct Leave {
    Connections& all;
    ClientPlace place;
    ~Leave() {
      place->connection->close();
      all.clients.erase(place);
      if (all.clients.empty()) all.emptied.set();
    }
  } leave{*this, client};
  if (options.tls) {
    client->connection->use_tls(options.tls);
    if (!co_await shake_hands(client->connection)) co_return;
  }
  co_await converse(client);
}

Task<bool> HttpServer::Connections::shake_hands(ConnectionPtr connection) {
  const auto done = co_await ports::until(runtime.clock(), after(options.read_timeout),
                                          as_task(runtime, shake_hands_as_server(connection)));
  if (done && !*done) telemetry::log(telemetry::Level::debug, "HTTP server: {}", done->error().message);
  co_return done && *done;
}

Task<void> HttpServer::Connections::converse(ClientPlace client) {
  const auto connection = client->connection;
  bool keep_alive = true;
  while (keep_alive && !stopping) {
    auto received = co_await next_request(client);
    if (!received) {
      const int status = received.error().status;
      if (status == 0) co_return;
      HttpResponse response{.status = status};
      if (co_await answer(connection, std::move(response), {})) co_await say_goodbye(connection);
      co_return;
    }
    const bool without_body = received->request.method == "HEAD";
    keep_alive = received->keep_alive;
    auto response = co_await handle(std::move(received->request));
    keep_alive = keep_alive && !stopping;
    if (!co_await answer(connection, std::move(response), {without_body, keep_alive})) co_return;
  }
  co_await say_goodbye(connection);
}

Task<Received> HttpServer::Connections::next_request(ClientPlace client) {
  const auto connection = client->connection;
  if (connection->input.empty()) {
    client->idle = true;
    const auto came = co_await ports::until(runtime.clock(), after(options.idle_timeout),
                                            as_task(runtime, read_more(connection)));
    client->idle = false;
    if (!came || *came) co_return std::unexpected(BadRequest{});
  }
  auto received = co_await ports::until(
      runtime.clock(), after(options.read_timeout),
      as_task(runtime, read_request(connection, options.max_header_bytes, options.max_body_bytes)));
  if (!received) co_return std::unexpected(BadRequest{408});
  co_return std::move(*received);
}

Task<HttpResponse> HttpServer::Connections::handle(HttpRequest request) {
  const auto what = fmt::format("{} {}", request.method, request.path());
  try {
    co_return co_await handler(std::move(request));
  } catch (const std::exception& error) {
    // One odd request must not end the program that guards a database.
    telemetry::log(telemetry::Level::error, "HTTP server: {} ended with an unexpected error: {}", what,
                   error.what());
  }
  co_return HttpResponse{.status = 500};
}

Task<bool> HttpServer::Connections::answer(ConnectionPtr connection, HttpResponse response, Answering how) {
  auto text = answer_text(response, how, runtime.clock().wall_time());
  const auto written = co_await ports::until(runtime.clock(), after(options.write_timeout),
                                             as_task(runtime, write_all(connection, std::move(text))));
  co_return written && !*written;
}

Task<void> HttpServer::Connections::say_goodbye(ConnectionPtr connection) {
  co_await base::first_ends_first(runtime.executor(), as_task(runtime, linger(connection)),
                                  runtime.clock().sleep_until(after(std::chrono::seconds(1))));
}

// Not left to the destructors: a cancelled accept holds its acceptor until the loop runs again.
void HttpServer::Connections::stop_listening() {
  error_code ignored;
  for (const auto& acceptor : acceptors) acceptor->close(ignored);
  acceptors.clear();
}

void HttpServer::Connections::close_idle() {
  for (auto next = clients.begin(); next != clients.end();) {
    const auto client = next++;  // ending a task erases its entry
    if (client->idle) client->connection->close();
  }
}

HttpServer::HttpServer(Runtime& runtime, HttpServerOptions options, Handler handler)
    : connections_(std::make_unique<Connections>(runtime, std::move(options), std::move(handler))) {}

HttpServer::~HttpServer() = default;

base::Result<void> HttpServer::start() {
  auto& all = *connections_;
  for (const auto& where : all.options.listen) {
    auto addresses = addresses_of(all.runtime.io(), where);
    if (!addresses) return std::unexpected(addresses.error());
    all.names.push_back(std::move(*addresses));
  }
  return all.listen();
}

std::uint16_t HttpServer::port() const { return connections_->acceptors.front()->local_endpoint().port(); }

bool HttpServer::listens() const { return !connections_->acceptors.empty(); }

void HttpServer::set_tls(TlsContext tls) { connections_->options.tls = std::move(tls); }

// The old addresses are closed first: an old one and a new one may be the same in part, as * and 127.0.0.1.
base::Task<base::Result<void>> HttpServer::listen_instead(std::vector<patroni::HostPort> addresses,
                                                          base::Instant deadline) {
  auto& all = *connections_;
  std::vector<Addresses> names;
  for (const auto& where : addresses) {
    auto found = co_await look_up(all.runtime, where, deadline);
    if (!found) co_return std::unexpected(std::move(found.error()));
    names.push_back(std::move(*found));
  }
  if (all.stopping) co_return Result<void>();
  all.names.swap(names);
  all.stop_listening();
  auto moved = all.listen();
  if (moved) co_return moved;
  all.names.swap(names);
  all.stop_listening();
  const auto back = all.listen();
  if (!back) all.stop_listening();
  if (!back)
    co_return fail(ErrorKind::refused, "{}; and not as before either: {}", moved.error().message,
                   back.error().message);
  co_return moved;
}

base::Task<void> HttpServer::stop(base::Instant deadline) {
  auto& all = *connections_;
  all.stopping = true;
  all.stop_listening();
  all.close_idle();
  if (!all.clients.empty())
    co_await base::first_ends_first(all.runtime.executor(), all.all_ended(),
                                    all.runtime.clock().sleep_until(deadline));
  all.tasks.cancel_all();
}

}  // namespace holdfast::net
