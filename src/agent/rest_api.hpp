// The node's REST API, Patroni's paths, codes and bodies.
// https://patroni.readthedocs.io/en/latest/rest_api.html
//
//   rest_api.cpp       the table of paths, and what every answer has
//   rest_access.cpp    who may ask for a change
//   rest_read.cpp      health checks, status, metrics, cluster, history, configuration
//   rest_config.cpp    PATCH and PUT /config, /reload
//   rest_failover.cpp  /switchover, /failover
//   rest_restart.cpp   /restart, /reinitialize
#pragma once

#include <boost/json/object.hpp>
#include <expected>

#include "agent/agent.hpp"
#include "agent/rest_access.hpp"
#include "net/http.hpp"
#include "patroni/failover_request.hpp"
#include "patroni/rest_json.hpp"

namespace holdfast::agent {

class RestApi {
 public:
  // The agent must outlive this. `resolve` finds the addresses of names on the allowlist; without it only
  // addresses count.
  explicit RestApi(Agent& agent, Resolve resolve = {}) : agent_(agent), access_(std::move(resolve)) {}

  base::Task<net::HttpResponse> handle(net::HttpRequest request);

 private:
  using Request = net::HttpRequest;
  using Response = net::HttpResponse;
  struct Route {
    std::string_view method;
    std::string_view path;  // without what follows a second slash
    base::Task<Response> (RestApi::*answer)(const Request&);
    Caller caller = Caller::anybody;
  };
  static const Route kRoutes[];

  base::Task<Response> route(const Request& request);
  void complete(Response& response) const;

  // rest_read.cpp
  base::Task<Response> get_history(const Request& request);
  base::Task<Response> get_cluster(const Request& request);
  base::Task<Response> get_config(const Request& request);
  base::Task<Response> get_patroni(const Request& request);
  base::Task<Response> get_metrics(const Request& request);
  base::Task<Response> get_liveness(const Request& request);
  base::Task<Response> get_failsafe(const Request& request);
  base::Task<Response> check_health(const Request& request);
  base::Task<base::Result<patroni::DcsContents>> read_cluster();
  patroni::NodeStatus node_status(const ha::Instance& instance) const;

  // rest_config.cpp
  base::Task<Response> patch_config(const Request& request);
  base::Task<Response> put_config(const Request& request);
  base::Task<Response> post_reload(const Request& request);
  base::Task<Response> post_sigterm(const Request& request);
  base::Task<Response> post_citus(const Request& request);

  // rest_failover.cpp
  base::Task<Response> post_switchover(const Request& request);
  base::Task<Response> post_failover(const Request& request);
  base::Task<Response> delete_switchover(const Request& request);
  base::Task<Response> post_failsafe(const Request& request);
  base::Task<patroni::RestAnswer> fail_over(patroni::FailoverAction action, std::string body);
  base::Task<bool> any_can_take_over(std::vector<ha::MemberName> candidates,
                                     const patroni::DcsContents& contents);
  base::Task<patroni::RestAnswer> await_outcome(patroni::AcceptedRequest accepted, ha::Epoch epoch,
                                                ha::Revision written);

  // rest_restart.cpp
  base::Task<Response> post_restart(const Request& request);
  base::Task<Response> delete_restart(const Request& request);
  base::Task<Response> post_reinitialize(const Request& request);
  base::Task<Response> delete_reinitialize(const Request& request);
  base::Task<patroni::RestAnswer> restart_now(ha::RestartConditions conditions);
  bool paused() const;

  Agent& agent_;
  RestAccess access_;
};

// Pieces that all of the above share
// ----------------------------------------------------------------------------------------------

net::HttpResponse json_answer(int status, std::string body);
net::HttpResponse text_answer(int status,
                              std::string body);  // text/html, as Patroni labels its plain answers
net::HttpResponse text_answer(const patroni::RestAnswer& answer);
net::HttpResponse error_answer(int status, std::string message = {});  // Patroni's page for it

// The body as a JSON object. The error is the answer: 411 without a Content-Length, 400 for anything else. An
// optional body may also be missing, or {}.
enum class Body { required, optional };
std::expected<boost::json::object, net::HttpResponse> json_body(const net::HttpRequest& request, Body body);

}  // namespace holdfast::agent
