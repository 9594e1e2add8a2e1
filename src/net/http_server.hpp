// HttpServer: HTTP/1.1 with keep-alive and TLS, bounded in every direction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "net/http.hpp"
#include "net/runtime.hpp"
#include "net/tls.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::net {

struct HttpServerOptions {
  // Addresses to listen on; names are looked up once. "*" is every address. Port 0: a free port,
  // the same on all addresses.
  std::vector<patroni::HostPort> listen;
  TlsContext tls;  // null: plain

  std::size_t max_header_bytes = 16 << 10;
  std::size_t max_body_bytes = 1 << 20;
  int queue_size = 128;               // connections that wait to be accepted; the system may allow fewer
  std::size_t max_connections = 200;  // one more is closed at once
  base::Duration read_timeout =
      std::chrono::seconds(10);  // from a request's first byte to its last; TLS handshake
  base::Duration write_timeout = std::chrono::seconds(10);  // for a whole answer
  base::Duration idle_timeout = std::chrono::seconds(60);   // between requests
};

// Every request runs `handler`, requests of different connections beside each other; a client that goes away
// does not stop it. Input that is not HTTP, too large or too slow ends its own connection only, with 400,
// 408, 413 or 431 where an answer is possible. Answers carry "Server: Holdfast" unless they name another;
// HEAD is answered without the body.
class HttpServer {
 public:
  using Handler = std::function<base::Task<HttpResponse>(HttpRequest)>;

  // Destroying the server closes everything at once and destroys running handlers.
  HttpServer(Runtime& runtime, HttpServerOptions options, Handler handler);
  ~HttpServer();

  // Listens. refused: an address cannot be bound; the message names it and why.
  base::Result<void> start();
  std::uint16_t port() const;  // after start()
  bool listens() const;

  // New certificates, for connections from now on.
  void set_tls(TlsContext tls);

  // Listens on other addresses; connections that are there go on. Names are looked up until `deadline`.
  // refused: as start(), and the old addresses stay.
  base::Task<base::Result<void>> listen_instead(std::vector<patroni::HostPort> addresses,
                                                base::Instant deadline);

  // Stops listening, lets requests being handled finish until `deadline`, closes the rest.
  base::Task<void> stop(base::Instant deadline);

 private:
  struct Connections;
  std::unique_ptr<Connections> connections_;
};

}  // namespace holdfast::net
