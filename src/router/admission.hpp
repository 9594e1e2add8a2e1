// How many clients there may be, over all event loops: sessions, those in line for becoming one, and those
// that wait for a server. Touched when a session begins, waits or ends, never by a query.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <mutex>

namespace holdfast::router {

class Admission {
 public:
  // Somebody in line. Must leave the line before it is destroyed.
  class Waiter : public boost::intrusive::list_base_hook<> {
   public:
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

   protected:
    Waiter() = default;
    ~Waiter() = default;

   private:
    friend class Admission;
    // Called from any thread, under the lock of the line: pass the news on to the waiter's own loop.
    virtual void admitted() = 0;
  };

  Admission(std::uint32_t max_sessions, std::uint32_t max_held)
      : max_connections_(max_sessions + max_held + kStrangers),
        max_sessions_(max_sessions),
        max_held_(max_held) {}

  // A client's socket. False: there are too many, and this one must be closed.
  bool connect();
  void disconnect();

  // The place of a session. False: none is free, or others are in line.
  bool enter();
  // Gives a place back: to the first in line, if there is one.
  void leave();

  void line_up(Waiter& waiter);
  // True: it was still in line. False: it had been admitted, and has a place to give back.
  bool leave_line(Waiter& waiter);

  // The right to wait for whatever reason. False: too many wait already.
  bool hold();
  void release();

 private:
  // Sockets beyond those of sessions and waiters: clients that have not said yet who they are, requests to
  // cancel, clients that read their last error.
  static constexpr std::uint32_t kStrangers = 1000;

  std::mutex mutex_;
  boost::intrusive::list<Waiter> line_;
  const std::uint32_t max_connections_, max_sessions_, max_held_;
  std::uint32_t connections_ = 0, sessions_ = 0, held_ = 0;
};

}  // namespace holdfast::router
