#include "patroni/host_port.hpp"

#include <algorithm>
#include <charconv>

namespace holdfast::patroni {
namespace {

using base::ErrorKind;
using base::Result;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535)
    return base::fail(ErrorKind::invalid, "the port must be a number from 1 to 65535, found \"{}\"", text);
  return static_cast<std::uint16_t>(port);
}

Result<std::string> parse_host(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const auto odd = std::ranges::any_of(
      text, [](char c) { return c <= ' ' || c > '~' || std::string_view("/@[]\"',").contains(c); });
  if (text.empty() || odd) return base::fail(ErrorKind::invalid, "\"{}\" is no host name or address", text);
  return std::string(text);
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text, std::optional<std::uint16_t> default_port) {
  text = trimmed(text);
  const auto colon = text.rfind(':');
  const auto bracket = text.rfind(']');
  // Of "::1" every colon belongs to the address; of "[::1]:5432" only the last does not.
  const bool bare_ipv6 = bracket == std::string_view::npos && std::ranges::count(text, ':') > 1;
  const bool has_port =
      colon != std::string_view::npos && !bare_ipv6 && (bracket == std::string_view::npos || colon > bracket);
  auto host = parse_host(has_port ? text.substr(0, colon) : text);
  if (!host) return std::unexpected(host.error());
  if (!has_port) {
    if (!default_port) return base::fail(ErrorKind::invalid, "\"{}\" has no port; write host:port", text);
    return HostPort{std::move(*host), *default_port};
  }
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return std::unexpected(port.error());
  return HostPort{std::move(*host), *port};
}

Result<std::vector<HostPort>> parse_listen(std::string_view text, std::optional<std::uint16_t> default_port) {
  const auto comma = text.rfind(',');
  if (comma == std::string_view::npos) {
    auto only = parse_host_port(text, default_port);
    if (!only) return std::unexpected(only.error());
    return std::vector{std::move(*only)};
  }
  // The last one carries the port. "::1:5432" without brackets is allowed here, as Patroni does.
  auto last_text = trimmed(text.substr(comma + 1));
  std::string bracketed;
  if (std::ranges::count(last_text, ':') > 1 && !last_text.contains(']')) {
    bracketed = fmt::format("[{}]{}", last_text.substr(0, last_text.rfind(':')),
                            last_text.substr(last_text.rfind(':')));
    last_text = bracketed;
  }
  auto last = parse_host_port(last_text, default_port);
  if (!last) return std::unexpected(last.error());
  std::vector<HostPort> result;
  for (auto rest = text.substr(0, comma); !rest.empty();) {
    const auto end = std::min(rest.find(','), rest.size());
    auto host = parse_host(rest.substr(0, end));
    if (!host) return std::unexpected(host.error());
    result.push_back({std::move(*host), last->port});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  result.push_back(std::move(*last));
  return result;
}

std::string to_string(const HostPort& address) {
  if (address.host.contains(':')) return fmt::format("[{}]:{}", address.host, address.port);
  return fmt::format("{}:{}", address.host, address.port);
}

}  // namespace holdfast::patroni
