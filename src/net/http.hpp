// HTTP/1.1 for the REST API and etcd's JSON gateway, as plain values. net/http_server.hpp and
// net/http_client.hpp carry them.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace holdfast::net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// The first header of that name; names compare without case.
std::optional<std::string_view> find_header(const HttpHeaders& headers, std::string_view name);

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  // path and query, as on the wire
  HttpHeaders headers;
  std::string body;
  bool client_certificate_verified = false;  // server side: the TLS client showed a certificate our CA signed
  std::string client_address;                // server side: "127.0.0.1:51234"

  std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
  std::string_view path() const;                                 // the target without its query
  std::optional<std::string> query(std::string_view key) const;  // percent-decoded; empty for "?key"
};

struct HttpResponse {
  int status = 200;
  std::string content_type;  // empty: none is sent
  std::string body;
  HttpHeaders headers;

  std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
};

// "%2F" is "/", "+" is a space; a broken escape stays as it is.
std::string percent_decoded(std::string_view text);

std::string_view reason_phrase(int status);  // "Not Found"; empty for a number without a registered phrase

// Where an HTTP server listens.
struct HttpEndpoint {
  bool tls = false;
  std::string host;  // a name, an IPv4 or an IPv6 address, without brackets
  std::uint16_t port = 0;

  auto operator<=>(const HttpEndpoint&) const = default;
};

std::string to_string(const HttpEndpoint& endpoint);  // "http://10.0.0.1:2379", "https://[::1]:8008"

struct HttpUrl {
  HttpEndpoint endpoint;
  std::string target = "/";
};

// "http://host:port/path?query"; the port defaults to 80 or 443. invalid: the message quotes the text.
base::Result<HttpUrl> parse_http_url(std::string_view text);

}  // namespace holdfast::net
