// How a session can end. One row each gives the metric's label and what the client is told.
#pragma once

#include <string>
#include <string_view>

#include "pg/wire.hpp"

namespace holdfast::routing {

enum class EndKind {
  client_left,  // it closed its connection, or said goodbye
  client_lost,  // its connection broke
  server_left,  // the server ended the session and said why
  server_lost,  // the connection to the server broke
  leader_changed,
  replica_left,
  not_promoted,  // the server that the client had logged in to did not become the primary in time
  hold_expired,  // no server could be had in time
  too_many_sessions,
  too_many_held,
  login_expired,
  bad_packet,
  unsupported_protocol,
  router_stopping,
  cancel_request,  // not a session: a request to cancel the query of one
};

// How the session ended, and the words for it. Without words the client is told nothing.
struct SessionEnd {
  EndKind kind = EndKind::client_left;
  std::string message;
  std::string hint;
};

std::string_view to_string(EndKind kind);  // "leader_changed": a metric's label
bool is_error(EndKind kind);
// The SQLSTATE a client is told. https://www.postgresql.org/docs/15/errcodes-appendix.html
std::string_view sqlstate(EndKind kind);

pg::wire::ErrorFields to_error(const SessionEnd& end);

inline constexpr EndKind kLastEndKind = EndKind::cancel_request;

}  // namespace holdfast::routing
