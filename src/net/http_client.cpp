#include "net/http_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <list>
#include <map>
#include <netinet/tcp.h>
#include <vector>

#include "net/asio_task.hpp"
#include "net/connection.hpp"

namespace holdfast::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::ip::tcp;
using base::ErrorKind;
using base::fail;
using base::Result;
using base::Task;
using boost::system::error_code;

using ResponseParser = http::response_parser<http::string_body>;
using Addresses = std::vector<tcp::endpoint>;

std::string request_text(const HttpEndpoint& endpoint, const HttpRequest& request) {
  const bool bare_ipv6 = endpoint.host.find(':') != std::string::npos;
  auto text =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}{}{}:{}\r\nUser-Agent: Holdfast\r\n", request.method,
                  request.target, bare_ipv6 ? "[" : "", endpoint.host, bare_ipv6 ? "]" : "", endpoint.port);
  for (const auto& [name, value] : request.headers) text += fmt::format("{}: {}\r\n", name, value);
  const bool has_body = !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
                        request.method == "PATCH";
  if (has_body) text += fmt::format("Content-Length: {}\r\n", request.body.size());
  text += "\r\n";
  text += request.body;
  return text;
}

bool may_be_repeated(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS";
}

// What a broken connection means depends on whether any of the request went out.
std::unexpected<base::Error> broken(const Connection& connection, const error_code& error) {
  if (is_tls_refusal(error)) return fail(ErrorKind::refused, "TLS: {}", error.message());
  const auto why = error == asio::error::eof ? "the connection was closed" : error.message();
  if (connection.sent == 0) return fail(ErrorKind::unreachable, "{} before the request was sent", why);
  return fail(ErrorKind::timed_out, "{} before the answer was complete", why);
}

void tune(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(tcp::socket::keep_alive(true), ignored);
  const auto set = [&](int option, int value) {
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
  };
  // A peer whose host died sends nothing, not even an end: find out within about 15 s instead of hours.
  set(TCP_KEEPIDLE, 5);   // seconds
  set(TCP_KEEPINTVL, 5);  // seconds
  set(TCP_KEEPCNT, 2);
  set(TCP_USER_TIMEOUT, 15'000);  // milliseconds, for data that is not acknowledged
}

struct Connecting {
  error_code error;
  ConnectionPtr connection;
};

awaitable<Connecting> connect_to(tcp::endpoint address) {
  tcp::socket socket(co_await asio::this_coro::executor);
  const auto [error] = co_await socket.async_connect(address, asio::as_tuple(asio::use_awaitable));
  if (error) co_return Connecting{error, nullptr};
  tune(socket);
  co_return Connecting{error, std::make_shared<Connection>(std::move(socket))};
}

awaitable<Result<Addresses>> look_up(std::string host, std::uint16_t port) {
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto [error, found] = co_await resolver.async_resolve(
      host, std::to_string(port), tcp::resolver::numeric_service, asio::as_tuple(asio::use_awaitable));
  if (error)
    co_return fail(ErrorKind::unreachable, "the name {} cannot be resolved: {}", host, error.message());
  Addresses addresses;
  for (const auto& entry : found) addresses.push_back(entry.endpoint());
  co_return addresses;
}

// Feeds what was received to the parser and reads on, until `enough`.
template <class Enough>
awaitable<Result<void>> parse_until(ConnectionPtr connection, std::shared_ptr<ResponseParser> parser,
                                    Enough enough) {
  while (true) {
    error_code error;
    const auto used = parser->put(asio::buffer(connection->input), error);
    connection->input.erase(0, used);
    if (error && error != http::error::need_more)
      co_return fail(ErrorKind::invalid, "the answer is not usable HTTP: {}", error.message());
    if (enough(*parser)) co_return Result<void>();
    error = co_await read_more(connection);
    if (error == asio::error::eof && parser->is_header_done()) {
      parser->put_eof(error);  // an answer without a length ends with its connection
      if (!error) co_return Result<void>();
      error = asio::error::eof;
    }
    if (error) co_return broken(*connection, error);
  }
}

HttpResponse take_response(ResponseParser& parser) {
  HttpResponse response;
  auto& message = parser.get();
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message) response.headers.emplace_back(field.name_string(), field.value());
  response.content_type = message[http::field::content_type];
  response.body = std::move(message.body());
  return response;
}

struct Answer {
  HttpResponse response;
  bool keep_alive = false;
};

awaitable<Result<Answer>> exchange(ConnectionPtr connection, std::string request, bool without_body,
                                   std::size_t max_bytes) {
  if (const auto error = co_await write_all(connection, std::move(request))) {
    // The server may have answered and closed without reading all; then the answer is what matters.
    if (connection->sent == 0) co_return broken(*connection, error);
  }
  while (true) {
    auto parser = std::make_shared<ResponseParser>();
    parser->eager(true);
    parser->skip(without_body);
    parser->body_limit(max_bytes);
    const auto parsed = co_await parse_until(connection, parser, [](const auto& p) { return p.is_done(); });
    if (!parsed) co_return std::unexpected(parsed.error());
    if (parser->get().result_int() < 200) continue;  // 100 Continue
    co_return Answer{take_response(*parser), parser->keep_alive()};
  }
}

}  // namespace

struct HttpStream::Reading {
  Reading(Runtime& on, ConnectionPtr opened, std::size_t limit)
      : runtime(on),
        connection(std::move(opened)),
        parser(std::make_shared<ResponseParser>()),
        max_line(limit) {
    parser->eager(true);
    parser->body_limit(boost::none);
  }

  Runtime& runtime;
  ConnectionPtr connection;
  std::shared_ptr<ResponseParser> parser;
  std::string text;  // of the body, not yet given out
  std::size_t max_line;

  static awaitable<Result<void>> begin(std::shared_ptr<Reading> self, std::string request) {
    if (const auto error = co_await write_all(self->connection, std::move(request)))
      co_return broken(*self->connection, error);
    auto parsed = co_await parse_until(self->connection, self->parser,
                                       [](const auto& p) { return p.is_header_done(); });
    self->take_text();
    co_return parsed;
  }

  // Returns when there is more text, or the body has ended.
  static awaitable<Result<void>> more(std::shared_ptr<Reading> self) {
    auto parsed = co_await parse_until(self->connection, self->parser,
                                       [](auto& p) { return p.is_done() || !p.get().body().empty(); });
    if (!parsed && parsed.error().kind == ErrorKind::timed_out) parsed.error().kind = ErrorKind::unreachable;
    self->take_text();
    co_return parsed;
  }

  void take_text() {
    text += parser->get().body();
    parser->get().body().clear();
  }

  std::optional<std::string> take_line() {
    const auto end = text.find('\n');
    if (end == std::string::npos) return std::nullopt;
    auto line = text.substr(0, end);
    text.erase(0, end + 1);
    return line;
  }
};

struct HttpClient::Pool {
  Pool(Runtime& on, HttpClientOptions with) : runtime(on), options(std::move(with)) {}

  Task<Result<ConnectionPtr>> connect(HttpEndpoint endpoint, base::Instant deadline);
  Task<Result<ConnectionPtr>> connect_to_one_of(Addresses addresses, base::Instant deadline);
  Task<Result<void>> secure(ConnectionPtr connection, std::string host);
  Result<TlsContext> tls();
  ConnectionPtr take_idle(const HttpEndpoint& endpoint);
  void give_back(const HttpEndpoint& endpoint, ConnectionPtr connection);
  Task<Result<HttpResponse>> attempt(HttpEndpoint endpoint, HttpRequest request, base::Instant deadline,
                                     std::shared_ptr<ConnectionPtr> used);
  Task<Result<HttpStream>> begin_stream(HttpEndpoint endpoint, HttpRequest request, base::Instant deadline);

  Runtime& runtime;
  HttpClientOptions options;
  std::map<HttpEndpoint, std::list<ConnectionPtr>> idle;
  std::map<HttpEndpoint, Addresses>
      known;  // where the last connection worked: a broken name service does no harm
};

namespace {

std::unexpected<base::Error> at(const HttpEndpoint& endpoint, base::Error error) {
  return base::in(to_string(endpoint), std::move(error));
}

}  // namespace

Result<TlsContext> HttpClient::Pool::tls() {
  if (!options.tls) {
    auto made = make_tls_context(TlsClientOptions{});
    if (!made) return made;
    options.tls = std::move(*made);
  }
  return options.tls;
}

Task<Result<void>> HttpClient::Pool::secure(ConnectionPtr connection, std::string host) {
  auto context = tls();
  if (!context) co_return std::unexpected(context.error());
  connection->use_tls(std::move(*context));
  co_return co_await as_task(runtime, shake_hands_as_client(connection, std::move(host)));
}

// Tries one address after the other; each gets its share of the time, because one may be a host that is off.
Task<Result<ConnectionPtr>> HttpClient::Pool::connect_to_one_of(Addresses addresses, base::Instant deadline) {
  base::Error last{ErrorKind::unreachable, "the name has no address"};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto now = runtime.clock().now();
    const auto share = now + (deadline - now) / static_cast<std::int64_t>(addresses.size() - i);
    auto done = co_await ports::until(runtime.clock(), share, as_task(runtime, connect_to(addresses[i])));
    if (done && !done->error) co_return std::move(done->connection);
    last.message = done ? done->error.message()
                        : fmt::format("no answer to connecting within {}", base::to_string(share - now));
  }
  co_return std::unexpected(last);
}

Task<Result<ConnectionPtr>> HttpClient::Pool::connect(HttpEndpoint endpoint, base::Instant deadline) {
  error_code not_numeric;
  const auto numeric = asio::ip::make_address(endpoint.host, not_numeric);
  Addresses addresses;
  if (!not_numeric)
    addresses = {tcp::endpoint(numeric, endpoint.port)};
  else if (const auto before = known.find(endpoint); before != known.end())
    addresses = before->second;
  else {
    auto found = co_await as_task(runtime, look_up(endpoint.host, endpoint.port));
    if (!found) co_return std::unexpected(found.error());
    addresses = std::move(*found);
  }
  known.erase(endpoint);  // until it has worked: the host may have moved
  auto connection = co_await connect_to_one_of(addresses, deadline);
  if (!connection) co_return connection;
  known[endpoint] = std::move(addresses);
  if (endpoint.tls) {
    if (auto secured = co_await secure(*connection, endpoint.host); !secured)
      co_return std::unexpected(secured.error());
  }
  co_return connection;
}

ConnectionPtr HttpClient::Pool::take_idle(const HttpEndpoint& endpoint) {
  auto& connections = idle[endpoint];
  while (!connections.empty()) {
    auto connection = std::move(connections.back());  // the one used last is the likeliest to live
    connections.pop_back();
    if (!is_stale(*connection)) return connection;
  }
  return nullptr;
}

void HttpClient::Pool::give_back(const HttpEndpoint& endpoint, ConnectionPtr connection) {
  auto& connections = idle[endpoint];
  if (connections.size() < options.max_idle_per_endpoint) connections.push_back(std::move(connection));
}

Task<Result<HttpResponse>> HttpClient::Pool::attempt(HttpEndpoint endpoint, HttpRequest request,
                                                     base::Instant deadline,
                                                     std::shared_ptr<ConnectionPtr> used) {
  const bool may_repeat = may_be_repeated(request);
  const auto text = request_text(endpoint, request);
  auto connection = take_idle(endpoint);
  while (true) {
    const bool kept_alive = connection != nullptr;
    if (!connection) {
      auto fresh = co_await connect(endpoint, deadline);
      if (!fresh) co_return std::unexpected(fresh.error());
      connection = std::move(*fresh);
    }
    connection->sent = connection->received = 0;
    connection->writing = false;
    *used = connection;
    auto answer = co_await as_task(
        runtime, exchange(connection, text, request.method == "HEAD", options.max_response_bytes));
    if (answer) {
      if (answer->keep_alive) give_back(endpoint, connection);
      co_return std::move(answer->response);
    }
    const bool was_closed = kept_alive && connection->received == 0;
    if (!was_closed || (connection->sent > 0 && !may_repeat)) co_return std::unexpected(answer.error());
    connection = nullptr;
    *used = nullptr;
  }
}

Task<Result<HttpStream>> HttpClient::Pool::begin_stream(HttpEndpoint endpoint, HttpRequest request,
                                                        base::Instant deadline) {
  auto connection = co_await connect(endpoint, deadline);
  if (!connection) co_return std::unexpected(connection.error());
  auto reading =
      std::make_shared<HttpStream::Reading>(runtime, std::move(*connection), options.max_response_bytes);
  auto begun =
      co_await as_task(runtime, HttpStream::Reading::begin(reading, request_text(endpoint, request)));
  if (!begun) co_return std::unexpected(begun.error());
  co_return HttpStream(std::move(reading));
}

HttpClient::HttpClient(Runtime& runtime, HttpClientOptions options)
    : pool_(std::make_unique<Pool>(runtime, std::move(options))) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

void HttpClient::set_tls(TlsContext tls) {
  pool_->options.tls = std::move(tls);
  pool_->idle.clear();
}

Task<Result<HttpResponse>> HttpClient::send(HttpEndpoint endpoint, HttpRequest request,
                                            base::Instant deadline) {
  const auto started = pool_->runtime.clock().now();
  auto used = std::make_shared<ConnectionPtr>();  // tells whether anything had been sent when time ran out
  auto answer = co_await ports::until(pool_->runtime.clock(), deadline,
                                      pool_->attempt(endpoint, std::move(request), deadline, used));
  if (answer && *answer) co_return std::move(**answer);
  if (answer) co_return at(endpoint, std::move(answer->error()));
  const auto waited = base::to_string(deadline - started);
  if (!*used || ((*used)->sent == 0 && !(*used)->writing))
    co_return at(endpoint, {ErrorKind::unreachable, fmt::format("no connection within {}", waited)});
  co_return at(endpoint, {ErrorKind::timed_out, fmt::format("no answer within {}", waited)});
}

Task<Result<HttpStream>> HttpClient::open_stream(HttpEndpoint endpoint, HttpRequest request,
                                                 base::Instant deadline) {
  const auto started = pool_->runtime.clock().now();
  auto stream = co_await ports::until(pool_->runtime.clock(), deadline,
                                      pool_->begin_stream(endpoint, std::move(request), deadline));
  if (stream && *stream) co_return std::move(**stream);
  if (stream) co_return at(endpoint, std::move(stream->error()));
  co_return at(endpoint, {ErrorKind::timed_out,
                          fmt::format("no answer within {}", base::to_string(deadline - started))});
}

HttpStream::HttpStream(std::shared_ptr<Reading> reading) : reading_(std::move(reading)) {}
HttpStream::HttpStream(HttpStream&&) noexcept = default;
HttpStream& HttpStream::operator=(HttpStream&&) noexcept = default;
HttpStream::~HttpStream() = default;

int HttpStream::status() const { return static_cast<int>(reading_->parser->get().result_int()); }

Task<Result<std::optional<std::string>>> HttpStream::next_line() {
  const auto reading = reading_;
  while (true) {
    if (auto line = reading->take_line()) co_return line;
    if (reading->text.size() > reading->max_line)
      co_return fail(ErrorKind::invalid, "a line of the answer is longer than {} bytes", reading->max_line);
    if (reading->parser->is_done()) {
      if (reading->text.empty()) co_return std::optional<std::string>();
      co_return std::optional(std::exchange(reading->text, {}));  // a last line without its newline
    }
    if (auto more = co_await as_task(reading->runtime, Reading::more(reading)); !more)
      co_return std::unexpected(more.error());
  }
}

}  // namespace holdfast::net
