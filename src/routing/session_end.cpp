#include "routing/session_end.hpp"

#include <array>
#include <cstddef>

#include "base/assert.hpp"

namespace holdfast::routing {
namespace {

struct Row {
  EndKind kind;
  std::string_view name;
  std::string_view sqlstate;  // empty: the client is not there to be told, or has been told by the server
  bool error;
};

// 57P01, 57P03 and 57014 are what PostgreSQL itself says in the same situation, and what drivers take as a
// reason to connect again; libpq tries the next of several hosts on 57P03.
constexpr std::array kRows = {
    Row{EndKind::client_left, "client_left", "", false},
    Row{EndKind::client_lost, "client_lost", "", true},
    Row{EndKind::server_left, "server_left", "", false},
    Row{EndKind::server_lost, "server_lost", "08006", true},
    Row{EndKind::leader_changed, "leader_changed", "57P01", true},
    Row{EndKind::replica_left, "replica_left", "57P01", true},
    Row{EndKind::not_promoted, "not_promoted", "57P03", true},
    Row{EndKind::hold_expired, "hold_expired", "57P03", true},
    Row{EndKind::too_many_sessions, "too_many_sessions", "53300", true},
    Row{EndKind::too_many_held, "too_many_held", "53300", true},
    Row{EndKind::login_expired, "login_expired", "57014", true},
    Row{EndKind::bad_packet, "bad_packet", "08P01", true},
    Row{EndKind::unsupported_protocol, "unsupported_protocol", "0A000", true},
    Row{EndKind::router_stopping, "router_stopping", "57P01", false},
    Row{EndKind::cancel_request, "cancel_request", "", false},
};

const Row& row(EndKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  HOLDFAST_ASSERT(index < kRows.size() && kRows[index].kind == kind, "the rows are in the order of the enum");
  return kRows[index];
}

}  // namespace

std::string_view to_string(EndKind kind) { return row(kind).name; }
bool is_error(EndKind kind) { return row(kind).error; }
std::string_view sqlstate(EndKind kind) { return row(kind).sqlstate; }

pg::wire::ErrorFields to_error(const SessionEnd& end) {
  return {.severity = "FATAL",
          .sqlstate = std::string(sqlstate(end.kind)),
          .message = end.message,
          .hint = end.hint};
}

}  // namespace holdfast::routing
