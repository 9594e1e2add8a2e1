// Asio's types as the data plane uses them, bound to an io_context without type erasure. Heavy; for .cpp
// files and for headers inside router/ that only they include.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "routing/router_config.hpp"

namespace holdfast::router {

namespace asio = boost::asio;
using boost::system::error_code;

using LoopExecutor = asio::io_context::executor_type;
using Tcp = asio::ip::tcp;
using Socket = asio::basic_stream_socket<Tcp, LoopExecutor>;
using Acceptor = asio::basic_socket_acceptor<Tcp, LoopExecutor>;
using Resolver = asio::ip::basic_resolver<Tcp, LoopExecutor>;
// The machine's monotonic clock: the data plane only measures how long something takes, and a suspended
// machine takes no connections.
using TimerClock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<TimerClock, asio::wait_traits<TimerClock>, LoopExecutor>;

template <class T = void>
using Async = asio::awaitable<T, LoopExecutor>;

// co_await operation(..., kOutcome) gives (error_code, ...) and never throws.
inline constexpr auto kOutcome = asio::as_tuple(asio::use_awaitable_t<LoopExecutor>());

// Non-blocking, no delay, and dead peers noticed.
void tune(Socket& socket);

// Writes what the kernel takes at once; how much that was. An error is left for the next operation to find.
std::size_t write_now(Socket& socket, std::string_view bytes);

// Binds and listens; blocking, for the start of the program. refused: names the address and why.
base::Result<Acceptor> listen(asio::io_context& io, const routing::Endpoint& endpoint);

std::string to_string(const routing::Endpoint& endpoint);  // "127.0.0.1:5000", "[::1]:5000"
std::string peer_name(const Socket& socket);               // "127.0.0.1:51234"; "?" when it is gone

}  // namespace holdfast::router
