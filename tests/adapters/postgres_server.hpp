// Real PostgreSQL servers for tests: each with a directory and a free port of its own, run through
// LocalPostgres.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/runtime.hpp"
#include "postgres/local_postgres.hpp"

struct pg_conn;

namespace holdfast::testing {

// Somewhere below /tmp, gone at the end; enterable for the user that PostgreSQL runs as.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(net::Runtime& runtime);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  net::Runtime& runtime_;
  std::string path_;
};

// A port of 127.0.0.1 that was free a moment ago.
std::uint16_t free_port();

// A blocking client, as an application would be one.
class Client {
 public:
  explicit Client(const std::string& conninfo);
  // The first column of the first row. Fails the test, and returns nothing, when the statement fails.
  std::string ask(const std::string& sql);
  // The error of a statement that must fail, or of the connection; empty if it succeeds.
  std::string error_of(const std::string& sql);
  void send(const std::string& sql);  // without waiting
  bool has_answer();
  std::string last_error() const;  // of what was sent, or why there is no connection
  bool connected() const;

 private:
  std::shared_ptr<pg_conn> connection_;
};

// One member: a configuration, and the server it describes. Its server is ended with it.
class PostgresNode {
 public:
  PostgresNode(net::Runtime& runtime, const TemporaryDirectory& directory, std::string name);
  ~PostgresNode();

  patroni::NodeConfig config;  // may be changed until open() was called

  // The adapter; opened at the first use. A new one is what a restarted agent would have.
  postgres::LocalPostgres& adapter();
  void restart_agent() { adapter_.reset(); }

  ha::SystemId bootstrap();  // to a confirmed, running primary
  void clone(PostgresNode& source);
  void start_standby(PostgresNode& upstream);
  void stop(ports::StopMode mode = ports::StopMode::immediate);
  ha::Instance observe();
  // Observes until `wanted` holds; fails the test after `limit`.
  template <class Predicate>
  ha::Instance observe_until(Predicate wanted, base::Duration limit = std::chrono::seconds(20));

  ha::Upstream upstream() const;
  std::string data_dir() const { return config.postgresql.data_dir; }
  std::string conninfo(const std::string& user = "postgres",
                       const std::string& password = "super-secret") const;
  Client client() const { return Client(conninfo()); }
  pid_t postmaster_pid() const;  // 0: postmaster.pid does not say
  std::string log() const;

  // Runs any call of the adapter and fails the test if it fails.
  template <class T>
  T done(base::Task<base::Result<T>> call);
  base::Instant soon() const { return runtime_.clock().now() + std::chrono::seconds(10); }
  net::Runtime& runtime() { return runtime_; }

 private:
  static void fail(const base::Error& error, const std::string& name, const std::string& log);
  static void fail_waiting(const std::string& name, const ha::Instance& last, const std::string& log);

  net::Runtime& runtime_;
  std::unique_ptr<postgres::LocalPostgres> adapter_;
};

template <class T>
T PostgresNode::done(base::Task<base::Result<T>> call) {
  auto result = runtime_.run_task(std::move(call));
  if (!result) fail(result.error(), config.name, log());
  if constexpr (std::is_void_v<T>)
    return;
  else
    return result ? std::move(*result) : T{};
}

template <class Predicate>
ha::Instance PostgresNode::observe_until(Predicate wanted, base::Duration limit) {
  const auto deadline = runtime_.clock().now() + limit;
  for (;;) {
    auto instance = observe();
    if (wanted(instance)) return instance;
    if (runtime_.clock().now() > deadline) {
      fail_waiting(config.name, instance, log());
      return instance;
    }
    runtime_.run_task(runtime_.clock().sleep_until(runtime_.clock().now() + std::chrono::milliseconds(10)));
  }
}

// For "eventually" elsewhere: runs the loop meanwhile.
void let_time_pass(net::Runtime& runtime, base::Duration time);

}  // namespace holdfast::testing
