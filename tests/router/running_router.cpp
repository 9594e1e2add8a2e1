#include "router/running_router.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "etcd/etcd_dcs.hpp"
#include "net/http_server.hpp"
#include "router/clients.hpp"

namespace holdfast::test {

RunningRouter::RunningRouter(const patroni::EtcdConfig& etcd, routing::RouterConfig config) {
  config.read_write = config.read_only = config.api = config.dashboard = {"127.0.0.1", 0};
  config.threads = 2;
  thread_ = std::thread([this, etcd, config] { serve(etcd, config); });
  if (!eventually([this] { return started_.load(); })) throw std::runtime_error("the router does not start");
}

RunningRouter::~RunningRouter() {
  stop();
  thread_.join();
}

void RunningRouter::serve(patroni::EtcdConfig etcd, routing::RouterConfig config) {
  net::Runtime runtime;
  const auto dcs = etcd::make_dcs(runtime, etcd);
  router::Router router(runtime, **dcs, {"demo", "/service/", config});
  const auto started = router.start();
  ASSERT_TRUE(started) << started.error().message;
  const auto& plane = router.data_plane();
  ports_ = {plane.read_write_port(), plane.read_only_port(), router.api_port(), router.dashboard_port()};
  runtime_ = &runtime;
  router_ = &router;
  started_ = true;
  runtime.run_task(router.run());
  stopped_ = true;
  runtime_ = nullptr;
}

void RunningRouter::stop() {
  if (auto* runtime = runtime_.load()) boost::asio::post(runtime->io(), [this] { router_.load()->stop(); });
}

net::HttpResponse RunningRouter::ask(std::uint16_t port, const std::string& path, const std::string& method) {
  auto answer = asking_.run_task(client_.send({false, "127.0.0.1", port}, {.method = method, .target = path},
                                              asking_.clock().now() + std::chrono::seconds(5)));
  return answer ? *answer : net::HttpResponse{.status = 0, .body = answer.error().message};
}

boost::json::value RunningRouter::json(std::uint16_t port, const std::string& path) {
  const auto answer = ask(port, path);
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.content_type, "application/json");
  return boost::json::parse(answer.body);
}

RestApi::RestApi(std::function<net::HttpResponse(const net::HttpRequest&)> answer) {
  thread_ = std::thread([this, answer = std::move(answer)] {
    net::Runtime runtime;
    const auto handle = [&](net::HttpRequest request) -> base::Task<net::HttpResponse> {
      co_return answer(request);
    };
    net::HttpServer server(runtime, {.listen = {{"127.0.0.1", 0}}}, handle);
    const auto started = server.start();
    ASSERT_TRUE(started) << started.error().message;
    port_ = server.port();
    while (!over_) runtime.run_task(runtime.clock().sleep_until(runtime.clock().now() + 5ms));
  });
  if (!eventually([this] { return port_ != 0; })) throw std::runtime_error("the REST API does not start");
}

RestApi::~RestApi() {
  over_ = true;
  thread_.join();
}

std::string member_value(std::uint16_t port, std::string_view role, std::string_view more,
                         std::uint16_t api_port) {
  return fmt::format(
      R"({{"conn_url":"postgres://127.0.0.1:{}/postgres","api_url":"http://127.0.0.1:{}/patroni",)"
      R"("state":"running","role":"{}","version":"4.1.4","timeline":1{}{}}})",
      port, api_port, role, role == "replica" ? R"(,"replication_state":"streaming")" : "", more);
}

}  // namespace holdfast::test
