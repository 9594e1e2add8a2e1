#include "pg/conninfo.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>

namespace holdfast::pg {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0) return std::nullopt;
    decoded += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return decoded;
}

std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    if (kPlain.contains(c))
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// "host", "host:port", "[::1]:port"
struct Authority {
  std::string_view host;
  std::optional<std::string_view> port;
};

std::optional<Authority> split_authority(std::string_view text) {
  if (!text.starts_with('[')) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return Authority{text, std::nullopt};
    return Authority{text.substr(0, colon), text.substr(colon + 1)};
  }
  const auto close = text.find(']');
  if (close == std::string_view::npos) return std::nullopt;
  const auto rest = text.substr(close + 1);
  if (rest.empty()) return Authority{text.substr(1, close - 1), std::nullopt};
  if (!rest.starts_with(':')) return std::nullopt;
  return Authority{text.substr(1, close - 1), rest.substr(1)};
}

bool needs_quotes(std::string_view value) {
  return value.empty() || value.find_first_of(" \t\r\n\f\v'\\=") != std::string_view::npos;
}

std::string quoted_value(std::string_view value) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + '\'';
}

std::string password_file_field(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == ':' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

}  // namespace

base::Result<ConnectionUrl> parse_connection_url(std::string_view url) {
  const auto wrong = [url](std::string_view what) {
    return base::fail(base::ErrorKind::invalid,
                      "'{}' is no connection URL: {} (expected postgres://host:port/database)", url, what);
  };
  auto rest = url;
  if (rest.starts_with("postgres://"))
    rest.remove_prefix(11);
  else if (rest.starts_with("postgresql://"))
    rest.remove_prefix(13);
  else
    return wrong("it does not begin with postgres://");
  rest = rest.substr(0, rest.find_first_of("?#"));
  const auto slash = std::min(rest.find('/'), rest.size());
  auto authority_text = rest.substr(0, slash);
  if (const auto at = authority_text.rfind('@'); at != std::string_view::npos)
    authority_text.remove_prefix(at + 1);
  const auto authority = split_authority(authority_text);
  if (!authority) return wrong("its host has no closing bracket");
  const auto host = percent_decoded(authority->host);
  const auto database = percent_decoded(rest.substr(std::min(slash + 1, rest.size())));
  if (!host || !database) return wrong("it has a broken %-sequence");
  if (host->empty()) return wrong("it names no host");
  ConnectionUrl parsed{.host = *host, .database = *database};
  if (authority->port) {
    const auto port = parse_port(*authority->port);
    if (!port) return wrong(fmt::format("'{}' is no port", *authority->port));
    parsed.port = *port;
  }
  return parsed;
}

std::string to_string(const ConnectionUrl& url) {
  const bool is_ipv6 = url.host.contains(':');
  const auto host = is_ipv6 ? fmt::format("[{}]", url.host) : percent_encoded(url.host);
  return fmt::format("postgres://{}:{}/{}", host, url.port, percent_encoded(url.database));
}

std::string to_string(const Conninfo& conninfo) {
  std::string text;
  for (const auto& [keyword, value] : conninfo) {
    if (value.empty()) continue;
    if (!text.empty()) text += ' ';
    text += keyword + '=' + (needs_quotes(value) ? quoted_value(value) : value);
  }
  return text;
}

Conninfo redacted(Conninfo conninfo) {
  std::erase_if(conninfo,
                [](const auto& entry) { return entry.first == "password" || entry.first == "sslpassword"; });
  return conninfo;
}

std::string to_string(const PasswordFileEntry& entry) {
  const auto or_any = [](const std::string& field) {
    return field.empty() ? "*" : password_file_field(field);
  };
  return fmt::format("{}:{}:{}:{}:{}\n", or_any(entry.host), or_any(entry.port), or_any(entry.database),
                     password_file_field(entry.user), password_file_field(entry.password));
}

}  // namespace holdfast::pg
