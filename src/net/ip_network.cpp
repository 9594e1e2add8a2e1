#include "net/ip_network.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

#include "net/asio_task.hpp"

namespace holdfast::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Addresses = std::vector<std::string>;

std::optional<IpNetwork> host_network(std::string_view text) {
  boost::system::error_code error;
  auto address = asio::ip::make_address(text, error);
  if (error) return std::nullopt;
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  IpNetwork network{.v6 = address.is_v6(), .prefix = address.is_v6() ? 128 : 32};
  if (address.is_v6())
    std::ranges::copy(address.to_v6().to_bytes(), network.bytes.begin());
  else
    std::ranges::copy(address.to_v4().to_bytes(), network.bytes.begin());
  return network;
}

asio::awaitable<Addresses> look_up(std::string host) {
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto [error, found] = co_await resolver.async_resolve(host, "0", asio::as_tuple(asio::use_awaitable));
  Addresses addresses;
  if (!error)
    for (const auto& entry : found) addresses.push_back(entry.endpoint().address().to_string());
  co_return addresses;
}

}  // namespace

std::optional<IpNetwork> parse_ip_network(std::string_view text) {
  const auto slash = text.find('/');
  auto network = host_network(text.substr(0, slash));
  if (!network || slash == std::string_view::npos) return network;
  const auto bits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), network->prefix);
  if (error != std::errc() || end != bits.data() + bits.size()) return std::nullopt;
  if (network->prefix < 0 || network->prefix > (network->v6 ? 128 : 32)) return std::nullopt;
  return network;
}

bool contains(const IpNetwork& network, std::string_view address) {
  const auto host = host_network(address);
  if (!host || host->v6 != network.v6) return false;
  for (int bit = 0; bit < network.prefix; ++bit) {
    const auto at = static_cast<std::size_t>(bit / 8);
    const auto mask = static_cast<std::uint8_t>(0x80 >> (bit % 8));
    if ((host->bytes[at] & mask) != (network.bytes[at] & mask)) return false;
  }
  return true;
}

base::Task<std::vector<std::string>> resolve_host(Runtime& runtime, std::string host,
                                                  base::Instant deadline) {
  auto found = co_await ports::until(runtime.clock(), deadline, as_task(runtime, look_up(std::move(host))));
  co_return found ? std::move(*found) : Addresses{};
}

}  // namespace holdfast::net
