// HttpClient: HTTP/1.1 requests over kept-alive connections, one answer at a time or as a stream.
//
// Errors, as everywhere in terms of what may have happened (base/result.hpp):
//   unreachable  no connection (refused, no route, unknown host, no answer to connecting), or it broke before
//   any
//                byte of the request was sent: nothing happened
//   timed_out    the request was sent, at least in part, and no whole answer came (deadline or broken
//   connection) refused      TLS: a certificate was not accepted, by us or by the server; nothing happened
//   invalid      the answer is not HTTP or too large
// An HTTP status is no error.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "net/http.hpp"
#include "net/runtime.hpp"
#include "net/tls.hpp"

namespace holdfast::net {

struct HttpClientOptions {
  TlsContext tls;                             // for https endpoints; null: the system's CAs, no certificate
  std::size_t max_response_bytes = 64 << 20;  // of a body; of a line of a stream
  std::size_t max_idle_per_endpoint = 4;
};

// An answer that arrives piece by piece. Destroying it closes the connection.
class HttpStream {
 public:
  HttpStream(HttpStream&&) noexcept;
  HttpStream& operator=(HttpStream&&) noexcept;
  ~HttpStream();

  int status() const;
  // The next line of the body without its newline, waiting as long as it takes; nothing at the end of the
  // body. unreachable: the connection broke. The stream must outlive the task.
  base::Task<base::Result<std::optional<std::string>>> next_line();

 private:
  friend class HttpClient;
  struct Reading;
  explicit HttpStream(std::shared_ptr<Reading> reading);
  std::shared_ptr<Reading> reading_;
};

// Must outlive its tasks; its streams may outlive it.
class HttpClient {
 public:
  explicit HttpClient(Runtime& runtime, HttpClientOptions options = {});
  HttpClient(HttpClient&&) noexcept;
  ~HttpClient();

  // New certificates, for connections from now on; those that are kept alive are closed.
  void set_tls(TlsContext tls);

  // A request on a kept-alive connection that turns out to be closed is sent again, once, on a new one: when
  // not a byte of it was written, or when its method is GET, HEAD or OPTIONS. Anything else may have had its
  // effect before the connection broke, so whether to send it again is for the caller to decide.
  base::Task<base::Result<HttpResponse>> send(HttpEndpoint endpoint, HttpRequest request,
                                              base::Instant deadline);

  // Returns when the answer's header is there. Always a connection of its own.
  base::Task<base::Result<HttpStream>> open_stream(HttpEndpoint endpoint, HttpRequest request,
                                                   base::Instant deadline);

 private:
  struct Pool;
  std::unique_ptr<Pool> pool_;
};

}  // namespace holdfast::net
