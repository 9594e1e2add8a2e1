#include "router/event_loop.hpp"

#include <boost/asio/post.hpp>
#include <signal.h>

#include "router/session.hpp"

namespace holdfast::router {
namespace {

// More than any number of sessions: a server in trouble is taken only when there is no other.
constexpr std::size_t kTroubled = std::size_t{1} << 32;

// The thread of a loop must not be the one that a signal for the process interrupts.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

EventLoop::EventLoop(Shared& shared) : shared_(shared) {}

EventLoop::~EventLoop() { stop(); }

void EventLoop::start() {
  const SignalsBlocked for_the_new_thread;
  thread_ = std::thread([this] { io_.run(); });
}

void EventLoop::stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void EventLoop::publish(std::shared_ptr<const routing::RoutingTable> table) {
  asio::post(io_, [this, next = std::move(table)]() mutable { take(std::move(next)); });
}

void EventLoop::take(std::shared_ptr<const routing::RoutingTable> table) {
  table_ = std::move(table);
  for (auto& session : sessions_) session.table_changed();
}

void EventLoop::drain() {
  asio::post(io_, [this] {
    draining_ = true;
    for (auto& session : sessions_) session.drain();
  });
}

void EventLoop::end_sessions() {
  asio::post(io_, [this] {
    draining_ = true;
    for (auto& session : sessions_) session.end_now();
  });
}

void EventLoop::serve(Socket client, routing::Port port) {
  asio::post(io_, [this, port, taken = std::move(client)]() mutable {
    Session::start(*this, std::move(taken), port);
  });
}

std::variant<routing::Assignment, routing::Wait> EventLoop::choose(routing::Port port) {
  const auto load = [this](const routing::Server& server) {
    std::size_t sessions = connecting_.in_trouble(server, now()) ? kTroubled : 0;
    for (const auto* counters : shared_.counters) sessions += counters->sessions_on(server.name);
    return sessions;
  };
  return routing::choose(*table_, port, {shared_.config.read_only_fallback, load, turn_++});
}

void EventLoop::wake_waiting() {
  if (io_.stopped()) return;  // the last sessions are being destroyed
  for (auto& session : sessions_) session.wake_if_waiting();
}

}  // namespace holdfast::router
