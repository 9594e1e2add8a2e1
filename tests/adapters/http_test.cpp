#include "net/http.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "adapters/certificates.hpp"
#include "net/asio_task.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"

namespace holdfast::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::ErrorKind;
using base::Result;
using base::Task;
using test::CertificateAuthority;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

TEST(HttpRequest, FindsHeadersPathAndQuery) {
  const HttpRequest request{.target = "/replica?lag=1%200kB&replication_state=streaming&flag&x=a+b%2",
                            .headers = {{"Content-Type", "text/plain"}}};
  EXPECT_EQ(request.path(), "/replica");
  EXPECT_EQ(request.header("content-TYPE"), "text/plain");
  EXPECT_EQ(request.header("content"), std::nullopt);
  EXPECT_EQ(request.query("lag"), "1 0kB");
  EXPECT_EQ(request.query("replication_state"), "streaming");
  EXPECT_EQ(request.query("flag"), "");
  EXPECT_EQ(request.query("x"), "a b%2");
  EXPECT_EQ(request.query("la"), std::nullopt);
}

TEST(HttpUrl, ParsesWhatMembersWrite) {
  const auto plain = parse_http_url("http://10.0.0.1:8008/patroni?x=1#top");
  ASSERT_TRUE(plain);
  EXPECT_EQ(to_string(plain->endpoint), "http://10.0.0.1:8008");
  EXPECT_EQ(plain->target, "/patroni?x=1");
  const auto secure = parse_http_url("https://[::1]");
  ASSERT_TRUE(secure);
  EXPECT_EQ(to_string(secure->endpoint), "https://[::1]:443");
  EXPECT_EQ(secure->endpoint.host, "::1");
  EXPECT_EQ(secure->target, "/");
  for (const auto* bad : {"", "ftp://a/", "http://", "http://:80/", "http://a:b/", "http://a:70000/",
                          "http://[::1/", "http://user@host/", "http://a b/", "http://a:0/"})
    EXPECT_FALSE(parse_http_url(bad)) << bad;
}

// A server that tells what it was asked, and what talks to it.
class Http : public testing::Test {
 protected:
  void serve(HttpServerOptions options = {}) {
    if (options.listen.empty()) options.listen = {{"127.0.0.1", 0}};
    server_.emplace(runtime_, std::move(options),
                    [this](HttpRequest request) { return answer(std::move(request)); });
    const auto started = server_->start();
    ASSERT_TRUE(started) << started.error().message;
  }

  Task<HttpResponse> answer(HttpRequest request) {
    ++handled_;
    if (request.path() == "/slow") co_await runtime_.clock().sleep_until(runtime_.clock().now() + 300ms);
    if (request.path() == "/throw") throw std::runtime_error("unexpected");
    if (request.path() == "/empty") co_return HttpResponse{.status = 503};
    co_return HttpResponse{.content_type = "text/plain",
                           .body = fmt::format("{} {} verified={} {}", request.method, request.target,
                                               request.client_certificate_verified, request.body),
                           .headers = {{"X-From", request.client_address}}};
  }

  HttpEndpoint endpoint(bool tls = false) const { return {tls, "127.0.0.1", server_->port()}; }
  base::Instant in(base::Duration duration) { return runtime_.clock().now() + duration; }

  Result<HttpResponse> ask(HttpClient& client, HttpRequest request, bool tls = false) {
    return runtime_.run_task(client.send(endpoint(tls), std::move(request), in(5s)));
  }

  // Sends bytes as they are and returns all that comes until the server closes.
  static asio::awaitable<std::string> converse(std::uint16_t port, std::vector<std::string> pieces,
                                               bool then_close) {
    tcp::socket socket(co_await asio::this_coro::executor);
    co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, asio::use_awaitable);
    asio::steady_timer pause(socket.get_executor());
    for (const auto& piece : pieces) {
      co_await asio::async_write(socket, asio::buffer(piece), asio::as_tuple(asio::use_awaitable));
      pause.expires_after(10ms);  // so that the pieces arrive as such
      co_await pause.async_wait(asio::use_awaitable);
    }
    boost::system::error_code ignored;
    if (then_close) socket.shutdown(tcp::socket::shutdown_send, ignored);
    std::string got;
    co_await asio::async_read(socket, asio::dynamic_buffer(got), asio::as_tuple(asio::use_awaitable));
    co_return got;
  }
  std::string raw(std::vector<std::string> pieces, bool then_close = false) {
    auto got = runtime_.run_task(
        ports::until(runtime_.clock(), in(10s),
                     as_task(runtime_, converse(server_->port(), std::move(pieces), then_close))));
    return got ? *got : "THE SERVER DID NOT CLOSE";
  }

  Runtime runtime_;
  std::optional<HttpServer> server_;
  int handled_ = 0;
};

TEST_F(Http, AnswersAndKeepsTheConnection) {
  serve();
  HttpClient client(runtime_);
  const auto first = ask(client, {.target = "/a"});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(first->body, "GET /a verified=false ");
  EXPECT_EQ(first->content_type, "text/plain");
  EXPECT_EQ(first->header("server"), "Holdfast");
  const auto second = ask(client, {.method = "POST", .target = "/b", .body = std::string(100'000, 'x')});
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->body.size(), 100'000 + std::string_view("POST /b verified=false ").size());
  EXPECT_EQ(second->header("x-from"), first->header("x-from")) << "a new connection was made";
}

TEST_F(Http, HeadHasNoBodyAndNoTypeIsSentUnlessSet) {
  serve();
  const auto head = raw({"HEAD /a HTTP/1.0\r\n\r\n"});
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Length: 23\r\n"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  const auto empty = raw({"GET /empty HTTP/1.1\r\nConnection: close\r\n\r\n"});
  EXPECT_THAT(empty, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(empty, testing::Not(HasSubstr("Content-Type")));
}

TEST_F(Http, AnswersPipelinedRequestsInOrder) {
  serve();
  const auto got = raw({"GET /1 HTTP/1.1\r\n\r\nGET /2 HT", "TP/1.1\r\nConnection: close\r\n\r\n"});
  EXPECT_LT(got.find("GET /1"), got.find("GET /2"));
  EXPECT_NE(got.find("GET /2"), std::string::npos);
}

TEST_F(Http, SaysContinueToWhoAsks) {
  serve();
  const auto got = raw(
      {"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n", "ok"});
  EXPECT_THAT(got, StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

TEST_F(Http, AHandlerThatThrowsIsAnswered500) {
  serve();
  HttpClient client(runtime_);
  const auto got = ask(client, {.target = "/throw"});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 500);
}

TEST_F(Http, BadInputClosesOnlyItsOwnConnection) {
  serve({.max_header_bytes = 4096, .max_body_bytes = 1000, .read_timeout = 200ms});
  HttpClient client(runtime_);
  ASSERT_TRUE(ask(client, {}));
  EXPECT_THAT(raw({"\x16\x03\x01\x02\x00\x01 this is no HTTP\r\n\r\n"}),
              StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(raw({std::string(100'000, '\xff')}), StartsWith("HTTP/1.1 4"));
  EXPECT_THAT(raw({"GET / HTTP/1.1\r\nX: " + std::string(5000, 'x') + "\r\n\r\n"}),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(raw({"POST / HTTP/1.1\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x')}),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(raw({"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'x') +
                   "\r\n0\r\n\r\n"}),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(raw({"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"}), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(raw({"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"}),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(raw({"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"}, true), "");  // truncated
  EXPECT_EQ(raw({"GET / HT"}, true), "");
  EXPECT_EQ(raw({}, true), "");
  EXPECT_EQ(handled_, 1);
  const auto still = ask(client, {});
  ASSERT_TRUE(still) << still.error().message;
  EXPECT_EQ(handled_, 2);
}

asio::awaitable<std::string> drip(std::uint16_t port) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, asio::use_awaitable);
  std::string got;
  asio::steady_timer pause(socket.get_executor());
  while (true) {  // one header byte every 20 ms, for ever
    const auto [error, size] =
        co_await asio::async_write(socket, asio::buffer("x", 1), asio::as_tuple(asio::use_awaitable));
    if (error) break;
    pause.expires_after(20ms);
    co_await pause.async_wait(asio::use_awaitable);
    if (socket.available() > 0) {
      co_await asio::async_read(socket, asio::dynamic_buffer(got), asio::as_tuple(asio::use_awaitable));
      break;
    }
  }
  co_return got;
}

TEST_F(Http, ASlowSenderIsCutOff) {
  serve({.read_timeout = 200ms});
  const auto started = runtime_.clock().now();
  const auto got = runtime_.run_task(as_task(runtime_, drip(server_->port())));
  EXPECT_THAT(got, StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_LT(runtime_.clock().now() - started, 5s);
}

TEST_F(Http, AnIdleConnectionIsClosed) {
  serve({.idle_timeout = 50ms});
  const auto started = runtime_.clock().now();
  EXPECT_EQ(raw({}), "");
  EXPECT_LT(runtime_.clock().now() - started, 5s);
}

TEST_F(Http, OneConnectionTooManyIsClosed) {
  serve({.max_connections = 1});
  HttpClient client(runtime_);
  ASSERT_TRUE(ask(client, {}));  // stays connected
  EXPECT_EQ(raw({"GET / HTTP/1.1\r\n\r\n"}), "");
  ASSERT_TRUE(ask(client, {}));
}

TEST_F(Http, ListensOnSeveralAddressesWithOneFreePort) {
  serve({.listen = {{"127.0.0.1", 0}, {"127.0.0.2", 0}}});
  HttpClient client(runtime_);
  for (const auto* host : {"127.0.0.1", "127.0.0.2"}) {
    const auto got = runtime_.run_task(client.send({false, host, server_->port()}, {}, in(5s)));
    EXPECT_TRUE(got) << got.error().message;
  }
}

TEST_F(Http, AnOccupiedPortIsNamed) {
  serve();
  HttpServer second(runtime_, {.listen = {{"127.0.0.1", server_->port()}}}, nullptr);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, ErrorKind::refused);
  EXPECT_EQ(started.error().message,
            fmt::format("cannot listen on 127.0.0.1:{}: Address already in use", server_->port()));
}

TEST_F(Http, ListensOnOtherAddressesWhenTold) {
  serve();
  const auto old = endpoint();
  HttpClient before(runtime_), after(runtime_);
  ASSERT_TRUE(ask(before, {}));
  const auto move_to = [&](std::vector<patroni::HostPort> on) {
    return runtime_.run_task(server_->listen_instead(std::move(on), in(5s)));
  };
  const auto reached = [&](HttpClient& client, HttpEndpoint where) {
    return runtime_.run_task(client.send(std::move(where), {}, in(5s))).has_value();
  };
  ASSERT_TRUE(move_to({{"localhost", 0}}));
  const HttpEndpoint now{false, "127.0.0.1", server_->port()};
  EXPECT_TRUE(reached(after, now));
  EXPECT_TRUE(reached(before, old)) << "a connection that was there goes on";
  EXPECT_FALSE(reached(after, old));

  const auto refused =
      move_to({{"127.0.0.1", 0}, {"192.0.2.1", now.port}});  // not an address of this machine
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot listen on 192.0.2.1"));
  const HttpEndpoint as_before{false, "127.0.0.1", server_->port()};  // localhost with a free port again
  EXPECT_TRUE(reached(after, as_before));
  const auto unknown = move_to({{"no-such-host.invalid", as_before.port}});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("no-such-host.invalid"));
  EXPECT_TRUE(move_to({{"*", as_before.port}})) << "from an address to all that include it";
  EXPECT_TRUE(reached(after, as_before));
}

TEST_F(Http, StopLetsARequestFinishAndClosesTheIdle) {
  serve();
  HttpClient client(runtime_);
  HttpClient slow_client(runtime_);
  ASSERT_TRUE(ask(client, {}));
  std::optional<Result<HttpResponse>> slow;
  auto request_slowly = [&]() -> Task<void> {
    slow = co_await slow_client.send(endpoint(), {.target = "/slow"}, in(5s));
  };
  const auto where = endpoint();
  base::TaskGroup group(runtime_.executor());
  group.spawn(request_slowly());
  while (handled_ < 2) runtime_.run_task(runtime_.clock().sleep_until(in(1ms)));
  runtime_.run_task(server_->stop(in(5s)));
  runtime_.run_task(runtime_.clock().sleep_until(in(5ms)));
  ASSERT_TRUE(slow.has_value());
  ASSERT_TRUE(*slow) << slow->error().message;
  EXPECT_EQ((*slow)->status, 200);
  const auto late = runtime_.run_task(client.send(where, {}, in(5s)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::unreachable);
}

TEST_F(Http, ClientTellsWhatMayHaveHappened) {
  HttpClient client(runtime_);
  serve();
  const auto slow = runtime_.run_task(client.send(endpoint(), {.target = "/slow"}, in(50ms)));
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().kind, ErrorKind::timed_out) << slow.error().message;

  const auto where = endpoint();
  server_.reset();
  const auto refused = runtime_.run_task(client.send(where, {}, in(5s)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unreachable);
  EXPECT_EQ(refused.error().message, fmt::format("http://127.0.0.1:{}: Connection refused", where.port));

  const auto unknown = runtime_.run_task(client.send({false, "no-such-host.invalid", 80}, {}, in(5s)));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::unreachable);
  EXPECT_THAT(unknown.error().message, HasSubstr("no-such-host.invalid cannot be resolved"));
}

// A server made of a script: each connection gets the next answer after one read, and is then closed.
asio::awaitable<void> play(std::shared_ptr<tcp::acceptor> acceptor, std::vector<std::string> answers,
                           std::shared_ptr<int> requests) {
  for (const auto& answer : answers) {
    auto socket = co_await acceptor->async_accept(asio::use_awaitable);
    char request[4096];
    co_await socket.async_read_some(asio::buffer(request), asio::use_awaitable);
    ++*requests;
    co_await asio::async_write(socket, asio::buffer(answer), asio::as_tuple(asio::use_awaitable));
  }
}

class HttpClientAgainstAScript : public testing::Test {
 protected:
  HttpEndpoint play_answers(std::vector<std::string> answers) {
    auto acceptor =
        std::make_shared<tcp::acceptor>(runtime_.io(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const auto port = acceptor->local_endpoint().port();
    tasks_.spawn(as_task(runtime_, play(acceptor, std::move(answers), requests_)));
    return {false, "127.0.0.1", port};
  }
  Result<HttpResponse> send(HttpEndpoint endpoint, std::string method) {
    return runtime_.run_task(
        client_.send(std::move(endpoint), {.method = std::move(method)}, runtime_.clock().now() + 5s));
  }

  Runtime runtime_;
  HttpClient client_{runtime_, {.max_response_bytes = 1000}};
  std::shared_ptr<int> requests_ = std::make_shared<int>(0);
  base::TaskGroup tasks_{runtime_.executor()};
};

constexpr auto kKeptAlive = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";  // yet the script closes

TEST_F(HttpClientAgainstAScript, AClosedKeptAliveConnectionIsReplaced) {
  const auto endpoint = play_answers({kKeptAlive, kKeptAlive, kKeptAlive});
  for (int i = 0; i < 3; ++i) {
    const auto got = send(endpoint, "POST");
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "ok");
    runtime_.run_task(runtime_.clock().sleep_until(runtime_.clock().now() + 10ms));  // the end arrives
  }
}

TEST_F(HttpClientAgainstAScript, AnUnansweredPostIsNotSentTwice) {
  const auto got = send(play_answers({"", kKeptAlive}), "POST");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::timed_out) << got.error().message;
  EXPECT_EQ(*requests_, 1);
}

// Answers once, takes a second request on the same connection, and closes without a word; then serves a new
// one.
asio::awaitable<void> drop_the_second(std::shared_ptr<tcp::acceptor> acceptor,
                                      std::shared_ptr<int> requests) {
  for (int connection = 0; connection < 2; ++connection) {
    auto socket = co_await acceptor->async_accept(asio::use_awaitable);
    char request[4096];
    for (int i = 0; i < 2; ++i) {
      const auto [error, size] =
          co_await socket.async_read_some(asio::buffer(request), asio::as_tuple(asio::use_awaitable));
      if (error) co_return;
      ++*requests;
      if (i == 0)
        co_await asio::async_write(socket, asio::buffer(std::string(kKeptAlive)), asio::use_awaitable);
    }
  }
}

TEST_F(HttpClientAgainstAScript, OnlyWhatIsSafeIsRepeatedWhenAKeptAliveConnectionBreaks) {
  for (const auto* method : {"POST", "GET"}) {
    auto acceptor =
        std::make_shared<tcp::acceptor>(runtime_.io(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const HttpEndpoint endpoint{false, "127.0.0.1", acceptor->local_endpoint().port()};
    *requests_ = 0;
    tasks_.spawn(as_task(runtime_, drop_the_second(acceptor, requests_)));
    ASSERT_TRUE(send(endpoint, method));
    const auto second = send(endpoint, method);
    if (method == std::string_view("GET")) {
      EXPECT_TRUE(second) << second.error().message;
      EXPECT_EQ(*requests_, 3);
    } else {
      ASSERT_FALSE(second);
      EXPECT_EQ(second.error().kind, ErrorKind::timed_out);
      EXPECT_EQ(*requests_, 2);
    }
  }
}

TEST_F(HttpClientAgainstAScript, OddAnswersAreInvalid) {
  for (const std::string answer : {"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                                   "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"}) {
    const auto got = send(play_answers({answer}), "GET");
    ASSERT_FALSE(got) << answer;
    EXPECT_EQ(got.error().kind, ErrorKind::invalid) << answer << got.error().message;
  }
}

TEST_F(HttpClientAgainstAScript, ATruncatedAnswerIsNoAnswer) {
  const auto got = send(play_answers({"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}), "GET");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::timed_out) << got.error().message;
}

TEST_F(HttpClientAgainstAScript, AnAnswerMayEndWithItsConnection) {
  const auto got =
      send(play_answers({"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nall of it"}), "GET");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "all of it");
}

TEST_F(HttpClientAgainstAScript, AStreamGivesLines) {
  const auto endpoint =
      play_answers({"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n4\r\none\n\r\n3\r\ntwo\r\n6\r\n-2\n\nth\r\n3\r\nree\r\n0\r\n\r\n"});
  auto read_all = [&]() -> Task<std::string> {
    auto stream = co_await client_.open_stream(endpoint, {}, runtime_.clock().now() + 5s);
    if (!stream) co_return stream.error().message;
    std::string lines;
    while (true) {
      auto line = co_await stream->next_line();
      if (!line) co_return lines + line.error().message;
      if (!*line) co_return lines;
      lines += **line + "|";
    }
  };
  EXPECT_EQ(runtime_.run_task(read_all()), "one|two-2||three|");
}

TEST_F(HttpClientAgainstAScript, ABrokenStreamIsUnreachable) {
  const auto endpoint = play_answers({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n"});
  auto read_two = [&]() -> Task<std::string> {
    auto stream = co_await client_.open_stream(endpoint, {}, runtime_.clock().now() + 5s);
    if (!stream) co_return stream.error().message;
    auto first = co_await stream->next_line();
    auto second = co_await stream->next_line();
    co_return fmt::format("{} {}", first ? first->value() : "", second ? "" : to_string(second.error().kind));
  };
  EXPECT_EQ(runtime_.run_task(read_two()), "one unreachable");
}

class HttpTls : public Http {
 protected:
  using CertificateFiles = test::CertificateFiles;

  static TlsContext made(Result<TlsContext> context) {
    if (!context) throw std::runtime_error(context.error().message);
    return *context;
  }
  TlsContext server_context(VerifyClient verify) {
    return made(
        make_tls_context(TlsServerOptions{.certificate = {server_files_.certificate, "restapi.certfile"},
                                          .key = {server_files_.key, "restapi.keyfile"},
                                          .ca = {ca_.file(), "restapi.cafile"},
                                          .verify_client = verify}));
  }
  static TlsContext client_context(const std::string& ca, std::optional<CertificateFiles> own = {},
                                   bool insecure = false) {
    TlsClientOptions options{.ca = {ca, "ctl.cacert"}, .insecure = insecure};
    if (own) {
      options.certificate = {own->certificate, "ctl.certfile"};
      options.key = {own->key, "ctl.keyfile"};
    }
    return made(make_tls_context(options));
  }
  CertificateAuthority ca_;
  CertificateAuthority stranger_{"stranger"};
  CertificateFiles server_files_ = ca_.issue("server", {"IP:127.0.0.1"});
  CertificateFiles client_files_ = ca_.issue("client", {});
  CertificateFiles strange_files_ = stranger_.issue("client", {});
};

TEST_F(HttpTls, RequiredClientCertificates) {
  serve({.tls = server_context(VerifyClient::required)});
  HttpClient known(runtime_, {.tls = client_context(ca_.file(), client_files_)});
  const auto answered = ask(known, {.target = "/a"}, true);
  ASSERT_TRUE(answered) << answered.error().message;
  EXPECT_EQ(answered->body, "GET /a verified=true ");

  HttpClient unknown(runtime_, {.tls = client_context(ca_.file())});
  const auto without = ask(unknown, {}, true);
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().kind, ErrorKind::refused) << without.error().message;
  EXPECT_THAT(without.error().message, HasSubstr("certificate required"));

  HttpClient strange(runtime_, {.tls = client_context(ca_.file(), strange_files_)});
  const auto wrong = ask(strange, {}, true);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, ErrorKind::refused) << wrong.error().message;
  EXPECT_EQ(handled_, 1);
}

TEST_F(HttpTls, OptionalClientCertificates) {
  serve({.tls = server_context(VerifyClient::optional)});
  HttpClient known(runtime_, {.tls = client_context(ca_.file(), client_files_)});
  HttpClient unknown(runtime_, {.tls = client_context(ca_.file())});
  HttpClient strange(runtime_, {.tls = client_context(ca_.file(), strange_files_)});
  EXPECT_EQ(ask(known, {.target = "/a"}, true)->body, "GET /a verified=true ");
  EXPECT_EQ(ask(unknown, {.target = "/a"}, true)->body, "GET /a verified=false ");
  EXPECT_FALSE(ask(strange, {.target = "/a"}, true));
}

TEST_F(HttpTls, ServersAreVerifiedUnlessToldOtherwise) {
  serve({.tls = server_context(VerifyClient::none)});
  HttpClient wrong_ca(runtime_, {.tls = client_context(stranger_.file())});
  const auto refused = ask(wrong_ca, {}, true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("unable to get local issuer certificate"));

  HttpClient right_ca(runtime_, {.tls = client_context(ca_.file())});
  const auto wrong_name = runtime_.run_task(right_ca.send({true, "localhost", server_->port()}, {}, in(5s)));
  ASSERT_FALSE(wrong_name);
  EXPECT_THAT(wrong_name.error().message, HasSubstr("hostname mismatch"));

  HttpClient careless(runtime_, {.tls = client_context(stranger_.file(), {}, true)});
  EXPECT_TRUE(ask(careless, {}, true));
}

TEST_F(HttpTls, PlainAndTlsDoNotMix) {
  serve({.tls = server_context(VerifyClient::none), .read_timeout = 300ms});
  HttpClient plain(runtime_);
  const auto got = ask(plain, {});
  EXPECT_FALSE(got);
  EXPECT_EQ(raw({"GET / HTTP/1.1\r\n\r\n"}).substr(0, 4), "");
  EXPECT_EQ(raw({"\x16\x03\x01"}), "");  // a handshake that never goes on
  HttpClient secure(runtime_, {.tls = client_context(ca_.file())});
  EXPECT_TRUE(ask(secure, {}, true));
  server_.reset();
  serve();
  const auto to_plain = ask(secure, {}, true);
  ASSERT_FALSE(to_plain);
  EXPECT_EQ(to_plain.error().kind, ErrorKind::refused) << to_plain.error().message;
}

TEST_F(HttpTls, BadFilesAreNamedWithTheirKey) {
  const auto message = [](const TlsServerOptions& options) {
    const auto context = make_tls_context(options);
    return context ? std::string("no error") : context.error().message;
  };
  const TlsFile good{server_files_.certificate, "restapi.certfile"};
  EXPECT_EQ(message({.certificate = {"/nonexistent/x.crt", "restapi.certfile"}}),
            "restapi.certfile: cannot open /nonexistent/x.crt: No such file or directory; make the file "
            "readable for "
            "the user holdfast runs as, or correct restapi.certfile");
  EXPECT_THAT(message({.certificate = {"/tmp", "restapi.certfile"}}),
              StartsWith("restapi.certfile: nothing can be read from /tmp (Is a directory)"));
  EXPECT_THAT(message({.certificate = {server_files_.key, "restapi.certfile"}}),
              StartsWith("restapi.certfile: " + server_files_.key + " holds no usable PEM certificate"));
  EXPECT_EQ(message({.certificate = good, .key = {client_files_.key, "restapi.keyfile"}}),
            fmt::format("restapi.keyfile: the private key in {} does not belong to the certificate in {}",
                        client_files_.key, server_files_.certificate));
  EXPECT_THAT(
      message({.certificate = good, .key = {server_files_.certificate, "restapi.keyfile"}}),
      StartsWith("restapi.keyfile: " + server_files_.certificate + " holds no usable PEM private key"));
  EXPECT_THAT(message({.certificate = good,
                       .key = {server_files_.key, "restapi.keyfile"},
                       .ca = {"", "restapi.cafile"},
                       .verify_client = VerifyClient::required}),
              StartsWith("restapi.cafile is not set"));
}

TEST_F(HttpTls, EncryptedKeysNeedTheirPassword) {
  const auto files = ca_.issue("locked", {"IP:127.0.0.1"}, "correct horse");
  TlsServerOptions options{.certificate = {files.certificate, "restapi.certfile"},
                           .key = {files.key, "restapi.keyfile"}};
  for (const auto* wrong : {"", "wrong"}) {
    options.key_password = wrong;
    const auto refused = make_tls_context(options);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("the key is encrypted: check its password"));
  }
  options.key_password = "correct horse";
  EXPECT_TRUE(make_tls_context(options));
}

}  // namespace
}  // namespace holdfast::net
