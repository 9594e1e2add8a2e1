// A whole router on free ports, following a real etcd, on a thread of its own.
#pragma once

#include <atomic>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "adapters/etcd_cluster.hpp"
#include "net/http_client.hpp"
#include "net/runtime.hpp"
#include "router/router.hpp"

namespace holdfast::test {

class RunningRouter {
 public:
  RunningRouter(const patroni::EtcdConfig& etcd, routing::RouterConfig config = {});
  ~RunningRouter();
  RunningRouter(const RunningRouter&) = delete;
  RunningRouter& operator=(const RunningRouter&) = delete;

  std::uint16_t rw() const { return ports_.read_write; }
  std::uint16_t ro() const { return ports_.read_only; }
  std::uint16_t api() const { return ports_.api; }
  std::uint16_t dashboard() const { return ports_.dashboard; }

  // As SIGTERM does; does not wait.
  void stop();
  bool stopped() const { return stopped_; }

  // Asks over HTTP; status 0 when there is no answer.
  net::HttpResponse ask(std::uint16_t port, const std::string& path, const std::string& method = "GET");
  boost::json::value json(std::uint16_t port, const std::string& path);

 private:
  struct Ports {
    std::uint16_t read_write = 0, read_only = 0, api = 0, dashboard = 0;
  };
  void serve(patroni::EtcdConfig etcd, routing::RouterConfig config);

  Ports ports_;
  std::atomic<bool> started_ = false, stopped_ = false;
  std::atomic<net::Runtime*> runtime_ = nullptr;
  std::atomic<router::Router*> router_ = nullptr;
  net::Runtime asking_;
  net::HttpClient client_{asking_};
  std::thread thread_;
};

// A member's entry as an agent writes it.
std::string member_value(std::uint16_t port, std::string_view role, std::string_view more = "",
                         std::uint16_t api_port = 1);

// A member's REST API, on a thread of its own.
class RestApi {
 public:
  explicit RestApi(std::function<net::HttpResponse(const net::HttpRequest&)> answer);
  ~RestApi();
  RestApi(const RestApi&) = delete;
  RestApi& operator=(const RestApi&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  std::atomic<std::uint16_t> port_ = 0;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace holdfast::test
