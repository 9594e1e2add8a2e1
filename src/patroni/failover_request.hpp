// POST /switchover and POST /failover: what is asked, whether it can be, and what is answered.
// https://patroni.readthedocs.io/en/latest/rest_api.html#switchover-and-failover-endpoints
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "patroni/dcs_values.hpp"

namespace holdfast::patroni {

enum class FailoverAction { switchover, failover };

// An answer in plain text; Patroni labels it text/html and ends it without a newline.
struct RestAnswer {
  int status = 200;
  std::string text;

  bool operator==(const RestAnswer&) const = default;
};

struct AcceptedRequest {
  FailoverAction action = FailoverAction::switchover;  // a failover that names the leader is a switchover
  ha::FailoverRequest request;
  // Of these at least one must answer that it may be promoted before the request is written; empty for a
  // scheduled one, which is checked when its time has come.
  std::vector<ha::MemberName> candidates;
};

// `now` is for schedules. The answer says why not.
std::expected<AcceptedRequest, RestAnswer> read_failover_request(FailoverAction action, std::string_view body,
                                                                 const DcsContents& contents,
                                                                 base::WallTime now);

// When an action is for. The answer says what is wrong with the text; `action` is "switchover", "restart".
std::expected<base::WallTime, RestAnswer> read_schedule(std::string_view text, std::string_view action,
                                                        base::WallTime now);

RestAnswer no_good_candidates(FailoverAction action);
RestAnswer request_not_written();                     // etcd did not take it
RestAnswer request_scheduled(FailoverAction action);  // 202
// `new_leader` leads now instead of who did when it was asked.
RestAnswer request_done(FailoverAction action, const ha::FailoverRequest& request,
                        std::string_view new_leader);
RestAnswer request_failed(FailoverAction action);  // the request is gone, the leader is the same
RestAnswer request_unfinished(FailoverAction action, base::Duration waited);

}  // namespace holdfast::patroni
