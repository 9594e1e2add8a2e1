// Servers that do not take clients at the moment, as one event loop knows them. One session keeps trying
// each, the others wait for its success: a server that comes up is not met by a thousand connections every
// few milliseconds.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "router/sockets.hpp"
#include "routing/routing_table.hpp"

namespace holdfast::router {

class Troubles {
 public:
  using Session = const void*;  // who tries; compared only
  using Time = TimerClock::time_point;

  // Whether `session` may try the server now: it is not in trouble, or this session is the one that tries, or
  // becomes it because the last one has gone.
  bool may_try(const routing::Server& server, Session session);
  // An attempt of `session` failed. True: this is news.
  bool failed(const routing::Server& server, Session session, std::string why, Time now);
  // An attempt succeeded. Since when there was trouble; absent when there was none. Wake those who wait.
  std::optional<Time> answered(const routing::Server& server);
  // The session will not try any more (it ended, or has another server). True: wake those who wait.
  bool forget(Session session);

  // In trouble, as far as is known: nobody has tried for a while is as good as not.
  bool in_trouble(const routing::Server& server, Time now) const;
  std::string why(const routing::Server& server) const;

 private:
  struct Trouble {
    Session prober = nullptr;
    std::string why;
    Time since, last_failure;
  };
  static constexpr auto kForgiveAfter = std::chrono::seconds(1);

  std::map<std::string, Trouble> troubles_;  // by name and address
};

}  // namespace holdfast::router
