#include "net/http.hpp"

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <charconv>

namespace holdfast::net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<char> escaped_byte(std::string_view two_digits) {
  unsigned char byte = 0;
  const auto* end = two_digits.data() + two_digits.size();
  const auto [stopped, error] = std::from_chars(two_digits.data(), end, byte, 16);
  if (two_digits.size() != 2 || error != std::errc() || stopped != end) return std::nullopt;
  return static_cast<char>(byte);
}

struct Authority {
  std::string_view host;
  std::string_view port;  // empty: not given
};

std::optional<Authority> split_authority(std::string_view text) {
  if (text.starts_with('[')) {  // an IPv6 address
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
    return Authority{text.substr(1, close - 1), rest.empty() ? rest : rest.substr(1)};
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return Authority{text, {}};
  return Authority{text.substr(0, colon), text.substr(colon + 1)};
}

bool is_host_text(std::string_view host) {
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '%';
  });
}

}  // namespace

std::optional<std::string_view> find_header(const HttpHeaders& headers, std::string_view name) {
  const auto found =
      std::ranges::find_if(headers, [&](const auto& header) { return same_name(header.first, name); });
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (const auto byte = escaped_byte(text.substr(i + 1, 2))) {
        decoded += *byte;
        i += 2;
        continue;
      }
    }
    decoded += text[i] == '+' ? ' ' : text[i];
  }
  return decoded;
}

std::string_view HttpRequest::path() const { return std::string_view(target).substr(0, target.find('?')); }

std::optional<std::string> HttpRequest::query(std::string_view key) const {
  const auto question_mark = target.find('?');
  if (question_mark == std::string::npos) return std::nullopt;
  auto rest = std::string_view(target).substr(question_mark + 1);
  while (!rest.empty()) {
    const auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (percent_decoded(pair.substr(0, equals)) != key) continue;
    return equals == std::string_view::npos ? std::string() : percent_decoded(pair.substr(equals + 1));
  }
  return std::nullopt;
}

std::string_view reason_phrase(int status) {
  namespace http = boost::beast::http;
  const auto known = http::int_to_status(static_cast<unsigned>(status));
  if (known == http::status::unknown) return {};
  const auto phrase = http::obsolete_reason(known);
  return {phrase.data(), phrase.size()};
}

std::string to_string(const HttpEndpoint& endpoint) {
  const bool bare_ipv6 = endpoint.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", endpoint.tls ? "https" : "http", bare_ipv6 ? "[" : "", endpoint.host,
                     bare_ipv6 ? "]" : "", endpoint.port);
}

base::Result<HttpUrl> parse_http_url(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return base::fail(base::ErrorKind::invalid, "\"{}\" is not an HTTP URL: {}", text, why);
  };
  HttpUrl url;
  auto rest = text;
  if (rest.starts_with("https://")) {
    url.endpoint.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return bad("it must begin with http:// or https://");
  }
  const auto target_at = rest.find_first_of("/?#");
  const auto authority = split_authority(rest.substr(0, target_at));
  if (!authority || !is_host_text(authority->host)) return bad("it names no host");
  url.endpoint.host = authority->host;
  url.endpoint.port = url.endpoint.tls ? 443 : 80;
  if (!authority->port.empty()) {
    const auto* end = authority->port.data() + authority->port.size();
    const auto [stopped, error] = std::from_chars(authority->port.data(), end, url.endpoint.port);
    if (error != std::errc() || stopped != end || url.endpoint.port == 0)
      return bad("its port is no number of 1 to 65535");
  }
  if (target_at == std::string_view::npos) return url;
  const auto target = rest.substr(target_at, rest.find('#') - target_at);
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  return url;
}

}  // namespace holdfast::net
