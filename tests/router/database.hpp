// Real PostgreSQL servers for the router to route to, on free ports of 127.0.0.1, in a directory below /tmp
// that goes away again. All calls block and throw when PostgreSQL does not do as it should.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "routing/routing_table.hpp"

namespace holdfast::test {

struct DatabaseOptions {
  int standbys = 1;
  int max_connections = 100;
  bool scram = false;  // user "app" with password "secret" must log in; everybody else is trusted
};

// Servers a, b, c, ...: a is the primary, the others are its streaming standbys.
class Database {
 public:
  explicit Database(DatabaseOptions options = {});
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  routing::Server server(std::string_view name) const;
  std::uint16_t port(std::string_view name) const { return server(name).address.port; }

  void promote(std::string_view name);  // returns when it takes writes
  void stop(std::string_view name);     // fast shutdown
  void kill(std::string_view name);     // SIGKILL to the postmaster and all its children
  void freeze(std::string_view name);   // SIGSTOP to the postmaster
  void thaw(std::string_view name);
  void start(std::string_view name);  // again; returns when it accepts connections
  // Starts without waiting for it to accept connections.
  void launch(std::string_view name);
  void wait_until_ready(std::string_view name);

  // The table in which `leader` leads in `epoch` and all others are streaming replicas.
  routing::RoutingTable table(std::string_view leader, routing::Epoch epoch) const;
  routing::RoutingTable table_without_leader(routing::Epoch last_epoch) const;

 private:
  struct Instance {
    std::string name;
    std::filesystem::path data;
    std::uint16_t port = 0;
    pid_t pid = 0;
    bool frozen = false;
  };
  Instance& find(std::string_view name);
  const Instance& find(std::string_view name) const;
  void make(Instance& instance, const DatabaseOptions& options);
  void end(Instance& instance, int signal);
  void run(const std::vector<std::string>& command) const;
  pid_t spawn(const std::vector<std::string>& command, const std::filesystem::path& log) const;

  std::filesystem::path directory_;
  std::vector<std::unique_ptr<Instance>> instances_;
};

// A port that nobody listens on at the moment.
std::uint16_t free_port();

}  // namespace holdfast::test
