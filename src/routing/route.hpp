// The router's choices: which server a new connection gets, and which sessions may stay when the table
// changes.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "routing/routing_table.hpp"

namespace holdfast::routing {

enum class Port { read_write, read_only };

std::string_view to_string(Port port);  // "read-write"

// A server given to a session, and by what right.
struct Assignment {
  Port port = Port::read_write;
  Server server;
  Epoch epoch = 0;         // of the table that it was chosen from
  bool as_leader = false;  // because it is the leader: always on read_write, as a fallback on read_only

  bool operator==(const Assignment&) const = default;
};

// No server can be given now. The text continues "cannot be connected: ", e.g. "no leader".
struct Wait {
  std::string why;
};

struct RouteOptions {
  bool read_only_fallback = false;
  // How many sessions the router has on a server; absent counts as none.
  std::function<std::size_t(const Server&)> sessions;
  // Where to begin among equals: a number that differs from call to call spreads them.
  std::size_t turn = 0;
};

std::variant<Assignment, Wait> choose(const RoutingTable& table, Port port, const RouteOptions& options);

// Why a session must leave its server under this table, e.g. "the leader is b now"; absent: it may stay. A
// session stays while etcd names no leader, for no other server can take its place. It stays too when the
// same server leads again in a new epoch: had PostgreSQL been demoted in between, the connection would not
// have lived through it.
std::optional<std::string> must_leave(const RoutingTable& table, const Assignment& session,
                                      bool read_only_fallback);

// What a server says of itself on a new connection: in_hot_standby off, on, or nothing (before PostgreSQL
// 14).
enum class Recovery { unknown, primary, standby };

// Whether a client may be let through to the server it was given: on the read-write port only to one that is
// known to take writes. A new leader key comes before the promotion.
bool may_serve(const RoutingTable& table, const Assignment& session, Recovery reported);

}  // namespace holdfast::routing
