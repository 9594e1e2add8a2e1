// HTTP/1.1 for the REST API and etcd's JSON gateway: plain values in front, Beast behind.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"

namespace holdfast::net {

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  // path and query, as on the wire
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool client_certificate_verified = false;  // server side: the TLS client showed a certificate our CA signed
  std::string client_address;                // server side: "127.0.0.1:51234"

  std::optional<std::string_view> header(std::string_view name) const;  // names compare without case
  std::string_view path() const;                                        // the target without its query
  std::optional<std::string> query(std::string_view key) const;         // percent-decoded
};

struct HttpResponse {
  int status = 200;
  std::string content_type;  // empty: none is sent
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace holdfast::net
