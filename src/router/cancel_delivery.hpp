// Takes one CancelRequest to a server.
#pragma once

#include <string>

#include "base/time.hpp"
#include "router/sockets.hpp"
#include "routing/routing_table.hpp"

namespace holdfast::router {

// Returns when the server has closed the connection, which tells that it has sent the signal, or after
// `limit`. https://www.postgresql.org/docs/15/protocol-flow.html#id-1.10.6.7.10
Async<> deliver_cancel(asio::io_context& io, routing::Server server, std::string request,
                       base::Duration limit);

}  // namespace holdfast::router
