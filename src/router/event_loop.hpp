// One thread of the data plane: its clients, its copy of the routing table, its counters. Nothing of it is
// touched by another thread but what says so.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/intrusive/list.hpp>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "router/admission.hpp"
#include "router/cancel_keys.hpp"
#include "router/counters.hpp"
#include "router/sockets.hpp"
#include "router/troubles.hpp"
#include "routing/route.hpp"
#include "routing/router_config.hpp"

namespace holdfast::router {

class Session;
struct LoopSessionsTag;
using LoopHook = boost::intrusive::list_base_hook<boost::intrusive::tag<LoopSessionsTag>,
                                                  boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// What all loops share. Read-only, or with a lock of its own.
struct Shared {
  Shared(routing::RouterConfig settings, std::string cluster)
      : config(std::move(settings)), scope(std::move(cluster)), admission(config.maxconn, config.max_held) {}

  const routing::RouterConfig config;
  const std::string scope;  // for messages
  Admission admission;
  CancelKeys cancel_keys;
  std::vector<const LoopCounters*> counters;  // of every loop; complete before the first one runs
};

class EventLoop {
 public:
  explicit EventLoop(Shared& shared);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // From any thread -----------------------------------------------------------------------------------------

  void start();
  // Ends the thread and destroys what is left of its sessions.
  void stop();
  void publish(std::shared_ptr<const routing::RoutingTable> table);
  // Sessions end as soon as nothing is lost by it; those that only wait end now.
  void drain();
  // Sessions end now.
  void end_sessions();
  void serve(Socket client, routing::Port port);
  asio::io_context& io() { return io_; }

  // From the loop's own thread ------------------------------------------------------------------------------

  Shared& shared() { return shared_; }
  LoopCounters& counters() { return counters_; }
  PortNumbers<Count>& counters(routing::Port port) { return counters_.ports[static_cast<std::size_t>(port)]; }
  const routing::RoutingTable& table() const { return *table_; }
  bool draining() const { return draining_; }
  TimerClock::time_point now() const { return TimerClock::now(); }

  // The server for a new session of `port`, with regard to the load and the troubles known here.
  std::variant<routing::Assignment, routing::Wait> choose(routing::Port port);

  Troubles& connecting() { return connecting_; }  // servers that cannot be connected
  Troubles& promotion() { return promotion_; }    // leaders that are still standbys
  // Sessions that wait look again at what they wait for.
  void wake_waiting();

  // 64 kB that whoever runs may use until its next co_await.
  std::span<char> scratch() { return scratch_; }

 private:
  friend class Session;
  void take(std::shared_ptr<const routing::RoutingTable> table);

  Shared& shared_;
  LoopCounters counters_;
  std::shared_ptr<const routing::RoutingTable> table_ = std::make_shared<const routing::RoutingTable>();
  Troubles connecting_, promotion_;
  std::vector<char> scratch_ = std::vector<char>(64 << 10);
  std::size_t turn_ = 0;
  bool draining_ = false;
  boost::intrusive::list<Session, boost::intrusive::base_hook<LoopHook>,
                         boost::intrusive::constant_time_size<false>>
      sessions_;
  // After what sessions use: they are destroyed with it.
  asio::io_context io_{1};  // one thread
  asio::executor_work_guard<LoopExecutor> keep_running_{io_.get_executor()};
  std::thread thread_;
};

}  // namespace holdfast::router
