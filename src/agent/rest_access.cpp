#include "agent/rest_access.hpp"

#include <openssl/crypto.h>

#include "base/base64.hpp"
#include "net/ip_network.hpp"

namespace holdfast::agent {
namespace {

net::HttpResponse refusal(int status, std::string text) { return {status, "text/html", std::move(text), {}}; }

// Takes as long for a wrong password as for a right one.
bool equal_secrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<net::HttpResponse> refuse_password(const net::HttpRequest& request,
                                                 const patroni::RestApiConfig& config) {
  if (config.username.empty() && config.password.empty()) return std::nullopt;
  const auto expected = "Basic " + base::to_base64(config.username + ":" + config.password);
  const auto given = request.header("authorization");
  if (given && equal_secrets(*given, expected)) return std::nullopt;
  auto answer = refusal(401, given ? "not authenticated" : "no auth header received");
  answer.headers.emplace_back("WWW-Authenticate", "Basic realm=\"Patroni\"");
  return answer;
}

// "127.0.0.1:51234", "[::1]:51234"
std::string address_of(std::string_view client) {
  const auto colon = client.rfind(':');
  auto host = client.substr(0, colon == std::string_view::npos ? client.size() : colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

}  // namespace

base::Task<std::optional<net::HttpResponse>> RestAccess::refuse(const net::HttpRequest& request,
                                                                Caller caller,
                                                                const patroni::RestApiConfig& config,
                                                                const ha::ClusterView& view) {
  if (caller == Caller::anybody) co_return std::nullopt;
  const bool members_too = caller == Caller::trusted && config.allowlist_include_members;
  if (!config.allowlist.empty() || members_too) {
    const bool listed = co_await on_allowlist(request, members_too, config, view);
    if (!listed) co_return refusal(403, "Access is denied");
  }
  const bool certificates =
      !config.certfile.empty() && config.verify_client != patroni::RestApiConfig::VerifyClient::none;
  if (certificates && !request.client_certificate_verified)
    co_return refusal(403, "client certificate required");
  co_return refuse_password(request, config);
}

base::Task<bool> RestAccess::on_allowlist(const net::HttpRequest& request, bool members_too,
                                          const patroni::RestApiConfig& config, const ha::ClusterView& view) {
  const auto address = address_of(request.client_address);
  std::vector<std::string> entries = config.allowlist;
  if (members_too)
    for (const auto& member : view.members)
      if (const auto url = net::parse_http_url(member.api_url)) entries.push_back(url->endpoint.host);
  for (auto& entry : entries) {
    const bool covered = co_await covers(std::move(entry), address);
    if (covered) co_return true;
  }
  co_return false;
}

base::Task<bool> RestAccess::covers(std::string entry, std::string address) {
  if (const auto network = net::parse_ip_network(entry)) co_return net::contains(*network, address);
  if (!resolve_ || entry.contains('/')) co_return false;
  const auto addresses = co_await resolve_(std::move(entry));
  for (const auto& one : addresses) {
    const auto network = net::parse_ip_network(one);
    if (network && net::contains(*network, address)) co_return true;
  }
  co_return false;
}

}  // namespace holdfast::agent
