#include "agent/http_peers.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "base/base64.hpp"
#include "patroni/failsafe_json.hpp"
#include "patroni/json_text.hpp"

namespace holdfast::agent {
namespace {

using boost::json::object;

constexpr std::size_t kLongestRefusal = 200;  // of a text that another node chose

std::int64_t number_at(const object& json, std::string_view key) {
  const auto* value = json.if_contains(key);
  return value ? patroni::integer_of(*value).value_or(0) : 0;
}

std::string_view text_at(const object& json, std::string_view key) {
  const auto* value = json.if_contains(key);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

pg::Lsn position_in(const object& json) {
  const auto* value = json.if_contains("xlog");
  if (!value || !value->is_object()) return {};
  const auto& xlog = value->get_object();
  const auto newest = std::max({number_at(xlog, "location"), number_at(xlog, "received_location"),
                                number_at(xlog, "replayed_location")});
  return {static_cast<std::uint64_t>(std::max<std::int64_t>(newest, 0))};
}

}  // namespace

base::Result<ha::PeerStatus> parse_peer_status(std::string_view body) {
  const auto json = patroni::parse_json_object(body);
  if (!json) return base::in("the answer of a member", json.error());
  const auto role = text_at(*json, "role");
  ha::PeerStatus status;
  status.running = text_at(*json, "state") == "running";
  // Patroni before 4 says master; a promoted member has left recovery or is about to.
  status.in_recovery = role != "primary" && role != "master" && role != "promoted";
  status.timeline = static_cast<pg::Timeline>(number_at(*json, "timeline"));
  status.position = position_in(*json);
  if (const auto* failed = json->if_contains("watchdog_failed"))
    status.watchdog_failed = patroni::boolean_of(*failed).value_or(false);
  if (const auto* reachable = json->if_contains("dcs_reachable"))
    status.dcs_reachable = patroni::boolean_of(*reachable).value_or(true);
  const auto* ours = json->if_contains("holdfast");
  if (ours && ours->is_object())
    if (const auto* promise = ours->get_object().if_contains("confirms_nothing_since"))
      status.confirms_nothing_since = patroni::integer_of(*promise);
  return status;
}

HttpPeers::HttpPeers(net::HttpClient& client, const std::string& username, const std::string& password)
    : client_(client) {
  set_login(username, password);
}

void HttpPeers::set_login(const std::string& username, const std::string& password) {
  const bool none = username.empty() && password.empty();
  authorization_ = none ? "" : "Basic " + base::to_base64(username + ":" + password);
}

base::Task<base::Result<ha::PeerStatus>> HttpPeers::status(std::string api_url, base::Instant deadline) {
  auto url = net::parse_http_url(api_url);
  if (!url) co_return std::unexpected(url.error());
  net::HttpRequest question{.method = "GET", .target = url->target};
  const auto answer = co_await client_.send(url->endpoint, std::move(question), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  co_return parse_peer_status(answer->body);
}

base::Task<bool> HttpPeers::answers(std::string api_url, base::Instant deadline) {
  auto url = net::parse_http_url(api_url);
  if (!url) co_return false;
  net::HttpRequest question{.method = "GET", .target = "/liveness"};
  const auto answer = co_await client_.send(url->endpoint, std::move(question), deadline);
  co_return answer.has_value();
}

base::Task<base::Result<ports::FailsafeReply>> HttpPeers::confirm_leader(std::string api_url,
                                                                         ha::FailsafeRequest request,
                                                                         base::Instant deadline) {
  auto url = net::parse_http_url(api_url);
  if (!url) co_return std::unexpected(url.error());
  net::HttpRequest question{
      .method = "POST", .target = "/failsafe", .body = patroni::write_failsafe_request(request)};
  question.headers.emplace_back("Content-Type", "application/json");
  if (!authorization_.empty()) question.headers.emplace_back("Authorization", authorization_);
  const auto answer = co_await client_.send(url->endpoint, std::move(question), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  ports::FailsafeReply reply;
  if (answer->status != 200 || answer->body != "Accepted")
    reply.refusal = fmt::format("{} {}", answer->status, answer->body.substr(0, kLongestRefusal));
  if (const auto lsn = answer->header("lsn")) reply.position = patroni::parse_failsafe_lsn(*lsn);
  co_return reply;
}

}  // namespace holdfast::agent
