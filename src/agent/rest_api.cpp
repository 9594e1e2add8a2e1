#include "agent/rest_api.hpp"

#include <algorithm>
#include <boost/json/value.hpp>

#include "patroni/error_page.hpp"
#include "patroni/json_text.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using patroni::RestAnswer;

// "/config/anything" is for /config, as in Patroni.
std::string_view first_part(std::string_view path) {
  const auto begin = std::min(path.find_first_not_of('/'), path.size());
  const auto end = std::min(path.find('/', begin), path.size());
  return path.substr(begin, end - begin);
}

}  // namespace

// GET of anything else is a health check; so are HEAD and OPTIONS, which answer with the status alone.
const RestApi::Route RestApi::kRoutes[] = {
    {"GET", "history", &RestApi::get_history},
    {"GET", "cluster", &RestApi::get_cluster},
    {"GET", "config", &RestApi::get_config},
    {"GET", "patroni", &RestApi::get_patroni},
    {"GET", "metrics", &RestApi::get_metrics},
    {"GET", "liveness", &RestApi::get_liveness},
    {"GET", "readiness", &RestApi::get_liveness},
    {"GET", "failsafe", &RestApi::get_failsafe},
    {"PATCH", "config", &RestApi::patch_config, Caller::trusted},
    {"PUT", "config", &RestApi::put_config, Caller::trusted},
    {"POST", "reload", &RestApi::post_reload, Caller::trusted},
    {"POST", "sigterm", &RestApi::post_sigterm, Caller::trusted},
    {"POST", "switchover", &RestApi::post_switchover, Caller::trusted},
    {"POST", "failover", &RestApi::post_failover, Caller::trusted},
    {"POST", "failsafe", &RestApi::post_failsafe, Caller::member},
    {"DELETE", "switchover", &RestApi::delete_switchover, Caller::trusted},
    {"POST", "restart", &RestApi::post_restart, Caller::trusted},
    {"DELETE", "restart", &RestApi::delete_restart, Caller::trusted},
    {"POST", "reinitialize", &RestApi::post_reinitialize, Caller::trusted},
    {"DELETE", "reinitialize", &RestApi::delete_reinitialize, Caller::trusted},
    {"POST", "citus", &RestApi::post_citus, Caller::trusted},
    {"POST", "mpp", &RestApi::post_citus, Caller::trusted},
};

base::Task<net::HttpResponse> RestApi::handle(net::HttpRequest request) {
  auto response = co_await route(request);
  complete(response);
  co_return response;
}

base::Task<net::HttpResponse> RestApi::route(const Request& request) {
  const auto part = first_part(request.path());
  const auto* route = std::ranges::find_if(kRoutes, [&](const Route& candidate) {
    return candidate.method == request.method && candidate.path == part;
  });
  if (route == std::end(kRoutes)) {
    if (request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS")
      co_return co_await check_health(request);
    co_return error_answer(501, fmt::format("Unsupported method ('{}')", request.method));
  }
  auto refusal =
      co_await access_.refuse(request, route->caller, agent_.config().restapi, agent_.contents().view);
  if (refusal) co_return std::move(*refusal);
  co_return co_await (this->*route->answer)(request);
}

// https://patroni.readthedocs.io/en/latest/yaml_configuration.html#rest-api
void RestApi::complete(Response& response) const {
  const auto& config = agent_.config().restapi;
  for (const auto& header : config.http_extra_headers) response.headers.push_back(header);
  if (!config.certfile.empty())
    for (const auto& header : config.https_extra_headers) response.headers.push_back(header);
  using Tokens = patroni::RestApiConfig::ServerTokens;
  if (config.server_tokens == Tokens::product_only) response.headers.emplace_back("Server", "Patroni");
  if (config.server_tokens == Tokens::minimal)
    response.headers.emplace_back("Server", fmt::format("Patroni/{}", patroni::kPatroniVersion));
}

// Pieces
// -----------------------------------------------------------------------------------------------------

net::HttpResponse json_answer(int status, std::string body) {
  return {status, "application/json", std::move(body), {}};
}
net::HttpResponse text_answer(int status, std::string body) {
  return {status, "text/html", std::move(body), {}};
}
net::HttpResponse text_answer(const RestAnswer& answer) { return text_answer(answer.status, answer.text); }
net::HttpResponse error_answer(int status, std::string message) {
  return {status, patroni::kErrorPageType, patroni::error_page(status, std::move(message)), {}};
}

std::expected<boost::json::object, net::HttpResponse> json_body(const net::HttpRequest& request, Body body) {
  const bool optional = body == Body::optional;
  if (!request.header("content-length")) {
    if (optional) return boost::json::object();
    return std::unexpected(error_answer(411));
  }
  if (request.body.empty() && optional) return boost::json::object();
  auto object = patroni::parse_json_object(request.body);
  if (object && (optional || !object->empty())) return std::move(*object);
  telemetry::warning("REST: the body of {} {} is no JSON object: {}", request.method, request.path(),
                     object ? "it is empty" : object.error().message);
  return std::unexpected(error_answer(400));
}

}  // namespace holdfast::agent
