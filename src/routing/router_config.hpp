// What an operator may set for a router. Read from YAML by patroni/router_config_file; docs/router.md tells
// the keys.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"

namespace holdfast::routing {

struct Endpoint {
  std::string host;  // a numeric address or a name; "*" is every address
  std::uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

struct RouterConfig {
  Endpoint read_write{"127.0.0.1", 5000};
  Endpoint read_only{"127.0.0.1", 5001};
  Endpoint dashboard{"127.0.0.1", 7000};
  Endpoint api{"127.0.0.1", 8080};

  // Sends clients of the read-only port to the leader while no replica can take them.
  bool read_only_fallback = false;

  // How long a new connection waits for a server before it gets an error.
  base::Duration hold_timeout = base::Duration(std::chrono::seconds(30));
  // How long a server may take from connect() to its first answer. A frozen host accepts and never answers.
  base::Duration connect_timeout = base::Duration(std::chrono::seconds(5));
  // How long a client may take to say who it is; time it is held does not count. PostgreSQL's
  // authentication_timeout is 60 s, and covers less: the router also waits for what PostgreSQL looks up.
  base::Duration login_timeout = base::Duration(std::chrono::seconds(60));
  // How long SIGTERM lets open transactions go on.
  base::Duration drain_timeout = base::Duration(std::chrono::seconds(30));

  std::uint32_t maxconn = 2000;   // sessions with a server, or on their way to one; more wait in line
  std::uint32_t max_held = 1000;  // connections that may wait at one time, for a server or in that line
  std::uint32_t threads = 0;      // event loops of the data plane; 0: one for each core
};

}  // namespace holdfast::routing
