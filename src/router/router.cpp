#include "router/router.hpp"

#include <utility>

#include "patroni/json_text.hpp"
#include "router/reports.hpp"
#include "router/web_page.hpp"
#include "telemetry/log.hpp"

namespace holdfast::router {
namespace {

// How often a stopping router looks whether the last session has ended.
constexpr base::Duration kLookAgain = std::chrono::milliseconds(20);
// What sessions that are ended get to read their last words.
constexpr base::Duration kLastWords = std::chrono::milliseconds(1200);

net::HttpServerOptions listening_on(const routing::Endpoint& endpoint) {
  net::HttpServerOptions options;
  options.listen = {{endpoint.host, endpoint.port}};
  return options;
}

net::HttpResponse no_such_page(const net::HttpRequest& request) {
  return {
      .status = 404, .content_type = "text/plain", .body = fmt::format("no such page: {}\n", request.path())};
}

// Everything here is only to be read.
std::optional<net::HttpResponse> refusal(const net::HttpRequest& request) {
  if (request.method == "GET" || request.method == "HEAD") return std::nullopt;
  net::HttpResponse response{.status = request.method == "OPTIONS" ? 200 : 405};
  response.headers.emplace_back("Allow", "GET, HEAD, OPTIONS");
  return response;
}

}  // namespace

Router::Router(net::Runtime& runtime, ports::Dcs& dcs, RouterOptions options)
    : runtime_(runtime),
      options_(std::move(options)),
      data_plane_(options_.config, options_.scope),
      members_(runtime, {.tls = options_.to_members}),
      topology_(
          runtime.clock(), dcs, patroni::Keys(options_.dcs_namespace, options_.scope),
          [this](const routing::RoutingTable& table) { data_plane_.publish(table); },
          [this](ha::Member leader, base::Instant deadline) {
            return leads_in_failsafe(std::move(leader), deadline);
          }),
      api_(runtime, listening_on(options_.config.api),
           [this](net::HttpRequest request) { return answer_api(std::move(request)); }),
      dashboard_(runtime, listening_on(options_.config.dashboard),
                 [this](net::HttpRequest request) { return answer_dashboard(std::move(request)); }),
      stopping_(runtime.executor()) {}

base::Result<void> Router::start() {
  if (auto started = api_.start(); !started) return base::in("starting the API", started.error());
  if (auto started = dashboard_.start(); !started) return base::in("starting the dashboard", started.error());
  return data_plane_.start();
}

base::Task<void> Router::run() {
  base::TaskGroup following(runtime_.executor());
  following.spawn(topology_.run());
  co_await stopping_.wait();
  co_await drain();
}

base::Task<void> Router::drain() {
  telemetry::info("stopping: {} client connections", data_plane_.traffic().connections);
  auto& clock = runtime_.clock();
  data_plane_.drain();
  if (co_await all_left_by(clock.now() + options_.config.drain_timeout)) co_return;
  telemetry::warning("ending {} sessions that are still busy", data_plane_.traffic().connections);
  data_plane_.end_sessions();
  co_await all_left_by(clock.now() + kLastWords);
}

base::Task<bool> Router::all_left_by(base::Instant deadline) {
  auto& clock = runtime_.clock();
  while (data_plane_.traffic().connections > 0) {
    if (clock.now() >= deadline) co_return false;
    co_await clock.sleep_until(clock.now() + kLookAgain);
  }
  co_return true;
}

// https://patroni.readthedocs.io/en/latest/dcs_failsafe_mode.html
base::Task<bool> Router::leads_in_failsafe(ha::Member leader, base::Instant deadline) {
  const auto url = net::parse_http_url(leader.api_url);
  if (!url) co_return false;
  const auto answer = co_await members_.send(url->endpoint, {.target = "/primary"}, deadline);
  if (!answer) {
    telemetry::log(telemetry::Level::debug, "asking {}: {}", leader.name, answer.error().message);
    co_return false;
  }
  const auto status = patroni::parse_json_object(answer->body);
  const auto* active = status ? status->if_contains("failsafe_mode_is_active") : nullptr;
  co_return answer->status == 200 && active&& patroni::boolean_of(*active).value_or(false);
}

base::Task<net::HttpResponse> Router::answer_api(net::HttpRequest request) {
  if (auto refused = refusal(request)) co_return std::move(*refused);
  const auto traffic = data_plane_.traffic();
  const Overview overview{topology_.knowledge(), traffic, options_.scope, runtime_.clock().now()};
  if (request.path() == "/cluster")
    co_return net::HttpResponse{.content_type = "application/json", .body = cluster_text(overview)};
  if (request.path() == "/health")
    co_return net::HttpResponse{.content_type = "application/json", .body = "{\"state\": \"running\"}"};
  co_return no_such_page(request);
}

base::Task<net::HttpResponse> Router::answer_dashboard(net::HttpRequest request) {
  if (auto refused = refusal(request)) co_return std::move(*refused);
  const auto traffic = data_plane_.traffic();
  const Overview overview{topology_.knowledge(), traffic, options_.scope, runtime_.clock().now()};
  if (request.path() == "/metrics")
    co_return net::HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                .body = metrics_text(overview)};
  if (request.path() == "/status.json")
    co_return net::HttpResponse{.content_type = "application/json", .body = status_text(overview)};
  if (request.path() == "/" || request.path() == "/status.html") {
    net::HttpResponse page{.content_type = "text/html; charset=utf-8", .body = std::string(kStatusPage)};
    // The page needs nothing from elsewhere, and may load nothing from there.
    page.headers.emplace_back("Content-Security-Policy",
                              "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                              "connect-src 'self'; base-uri 'none'; form-action 'none'");
    co_return page;
  }
  co_return no_such_page(request);
}

}  // namespace holdfast::router
