// The node's REST API, Patroni's paths, codes and bodies.
// https://patroni.readthedocs.io/en/latest/rest_api.html
//
// What may change anything (POST, PUT, PATCH, DELETE) needs the user and password of `restapi.authentication`
// where they are set, and a client certificate where `verify_client` is optional.
#pragma once

#include "agent/agent.hpp"
#include "net/http.hpp"
#include "patroni/failover_request.hpp"
#include "patroni/rest_json.hpp"

namespace holdfast::agent {

class RestApi {
 public:
  // The agent must outlive this.
  explicit RestApi(Agent& agent) : agent_(agent) {}

  base::Task<net::HttpResponse> handle(net::HttpRequest request);

 private:
  base::Task<net::HttpResponse> answer_read(const net::HttpRequest& request);
  base::Task<net::HttpResponse> answer_write(const net::HttpRequest& request);
  // Absent when the caller may go on.
  std::optional<net::HttpResponse> refuse_caller(const net::HttpRequest& request) const;

  base::Task<patroni::RestAnswer> fail_over(patroni::FailoverAction action, std::string body);
  base::Task<bool> any_can_take_over(std::vector<ha::MemberName> candidates,
                                     const patroni::DcsContents& contents);
  base::Task<patroni::RestAnswer> await_outcome(patroni::AcceptedRequest accepted, ha::Epoch epoch,
                                                ha::Revision written);
  base::Task<base::Result<patroni::DcsContents>> read_cluster();

  patroni::NodeStatus node_status(const ha::Instance& instance) const;

  Agent& agent_;
};

}  // namespace holdfast::agent
