#include <csignal>
#include <gtest/gtest.h>

#include "adapters/postgres_server.hpp"
#include "system/files.hpp"

namespace holdfast::postgres {
namespace {

using namespace std::chrono_literals;
using ports::StopMode;
using testing::Client;
using testing::PostgresNode;
using testing::TemporaryDirectory;

class PostgresLifecycle : public ::testing::Test {
 protected:
  net::Runtime runtime;
  TemporaryDirectory directory{runtime};
};

TEST_F(PostgresLifecycle, ABootstrapMakesAPrimaryWithItsUsers) {
  PostgresNode a(runtime, directory, "a");
  EXPECT_EQ(a.observe().data, ha::DataDirectory::absent);
  std::vector<std::string> steps;
  const auto id = a.done(
      a.adapter().bootstrap([&](const ports::Progress& progress) { steps.push_back(progress.doing); }));
  EXPECT_EQ(steps, (std::vector<std::string>{"making the files of a new cluster", "starting the new cluster",
                                             "creating users"}));
  auto seen = a.observe();
  EXPECT_EQ(seen.data, ha::DataDirectory::unconfirmed);
  a.done(a.adapter().confirm_bootstrap());
  seen = a.observe();
  EXPECT_EQ(seen.data, ha::DataDirectory::valid);
  EXPECT_EQ(seen.process, ha::Process::running);
  ASSERT_TRUE(seen.control);
  EXPECT_EQ(seen.control->system_id, id);
  EXPECT_TRUE(seen.control->checksums);
  ASSERT_TRUE(seen.status) << seen.status_problem;
  EXPECT_FALSE(seen.status->in_recovery);
  EXPECT_EQ(seen.status->timeline, 1u);
  EXPECT_EQ(seen.status->server_version / 10000, 15);
  EXPECT_TRUE(seen.status->started_at);
  EXPECT_FALSE(seen.upstream);

  auto client = a.client();
  EXPECT_EQ(client.ask("SELECT system_identifier FROM pg_control_system()"), id);
  EXPECT_EQ(client.ask("SHOW server_encoding"), "UTF8");
  EXPECT_EQ(client.ask("SHOW cluster_name"), "demo");
  EXPECT_EQ(client.ask("SHOW wal_level"), "replica");
  EXPECT_EQ(client.ask("SELECT rolreplication FROM pg_roles WHERE rolname = 'replicator'"), "t");
  EXPECT_EQ(client.ask("SELECT count(*) FROM pg_authid WHERE rolpassword LIKE 'SCRAM-SHA-256$%'"), "3");
  EXPECT_EQ(client.ask("SELECT has_function_privilege('rewinder', 'pg_read_binary_file(text)', 'execute')"),
            "t");
  EXPECT_TRUE(Client(a.conninfo("rewinder", "'rewind\\\\secret'")).connected());
  EXPECT_FALSE(Client(a.conninfo("rewinder", "wrong")).connected());
}

TEST_F(PostgresLifecycle, ABootstrapLeavesNoPasswordBehind) {
  PostgresNode a(runtime, directory, "a");
  a.bootstrap();
  const auto log = a.log();
  EXPECT_TRUE(log.contains("log_statement")) << "the log does record statements: " << log;
  EXPECT_FALSE(log.contains("SCRAM-SHA-256$")) << log;
  for (const auto* secret : {"super-secret", "repl:secret", "rewind\\secret"})
    EXPECT_FALSE(log.contains(secret)) << log;
  for (const auto& name : system::names_in(directory.path()).value())
    EXPECT_FALSE(name.contains("initdb")) << name << " was left";
}

TEST_F(PostgresLifecycle, PostBootstrapRunsAndItsFailureUndoesTheBootstrap) {
  PostgresNode a(runtime, directory, "a");
  a.config.bootstrap.post_bootstrap = "psql -w -v ON_ERROR_STOP=1 -c 'CREATE TABLE made AS SELECT 1'";
  a.bootstrap();
  EXPECT_EQ(a.client().ask("SELECT count(*) FROM made"), "1");

  PostgresNode b(runtime, directory, "b");
  b.config.bootstrap.post_bootstrap = "psql -w -v ON_ERROR_STOP=1 -c 'SELECT 1/0'";
  const auto failed = runtime.run_task(b.adapter().bootstrap([](const ports::Progress&) {}));
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().message.contains("bootstrap.post_bootstrap")) << failed.error().message;
  EXPECT_TRUE(failed.error().message.contains("division by zero")) << failed.error().message;
  const auto seen = b.observe();
  EXPECT_EQ(seen.data, ha::DataDirectory::incomplete);
  EXPECT_EQ(seen.process, ha::Process::stopped);
  b.config.bootstrap.post_bootstrap = "";
  b.restart_agent();
  b.bootstrap();  // what was left is free to be replaced
  EXPECT_EQ(b.observe().data, ha::DataDirectory::valid);
}

TEST_F(PostgresLifecycle, AStandbyStreamsThroughItsSlot) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  const auto id = a.bootstrap();
  a.client().ask("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n");
  std::vector<ports::Progress> progress;
  b.done(b.adapter().clone(a.upstream(), [&](ports::Progress step) { progress.push_back(std::move(step)); }));
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.back().doing, "copying the data of a");
  EXPECT_GT(progress.back().share, 0.9);
  auto seen = b.observe();
  EXPECT_EQ(seen.data, ha::DataDirectory::valid);
  EXPECT_EQ(seen.process, ha::Process::stopped);
  EXPECT_TRUE(seen.standby_signal) << "a copy must not start as a primary";
  EXPECT_EQ(seen.control->system_id, id);

  b.start_standby(a);
  seen = b.observe_until([](const auto& i) { return i.status && i.status->receiver_streaming; });
  EXPECT_TRUE(seen.status->in_recovery);
  EXPECT_EQ(seen.upstream, a.upstream());
  EXPECT_EQ(b.client().ask("SELECT count(*) FROM t"), "1000");

  a.client().ask("INSERT INTO t SELECT 1");
  seen = b.observe_until(
      [&](const auto& i) { return i.status && i.status->position >= a.observe().status->position; });
  EXPECT_EQ(seen.status->timeline, 1u);
  EXPECT_GE(seen.status->received, seen.status->replayed);
  const auto primary = a.observe();
  ASSERT_EQ(primary.status->standbys.size(), 1u);
  EXPECT_EQ(primary.status->standbys[0].name, "b");
  EXPECT_TRUE(primary.status->standbys[0].streaming);
  EXPECT_FALSE(primary.status->standbys[0].synchronous);
  ASSERT_EQ(primary.status->slots.size(), 1u);
  EXPECT_EQ(primary.status->slots[0].name, "b");
  EXPECT_TRUE(primary.status->slots[0].active);
  EXPECT_FALSE(primary.status->slots[0].logical);
  EXPECT_TRUE(primary.status->slots[0].restart_lsn);
}

TEST_F(PostgresLifecycle, AFastStopIsCleanAndARestartedAgentAdopts) {
  PostgresNode a(runtime, directory, "a");
  a.bootstrap();
  const auto pid = a.postmaster_pid();
  a.restart_agent();
  EXPECT_EQ(a.observe().process, ha::Process::running);
  EXPECT_EQ(a.postmaster_pid(), pid);
  const auto again = runtime.run_task(a.adapter().start({}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, base::ErrorKind::conflict);
  a.stop(StopMode::fast);
  auto seen = a.observe();
  EXPECT_EQ(seen.process, ha::Process::stopped);
  EXPECT_EQ(seen.control->state, pg::ControlState::shut_down);
  EXPECT_FALSE(seen.status);
  a.done(a.adapter().start({}));
  EXPECT_EQ(a.observe().process, ha::Process::running);
  EXPECT_EQ(a.client().ask("SELECT pg_is_in_recovery()"), "f");
}

TEST_F(PostgresLifecycle, APromotedStandbyTakesWritesOnANewTimeline) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  a.bootstrap();
  b.clone(a);
  b.start_standby(a);
  b.observe_until([](const auto& i) { return i.status && i.status->receiver_streaming; });
  a.stop();
  const auto begin = runtime.clock().now();
  b.done(b.adapter().promote());
  const auto took = runtime.clock().now() - begin;
  RecordProperty("promote_ms", static_cast<int>(took / 1ms));
  EXPECT_LT(took, 2s);
  EXPECT_EQ(b.client().ask("CREATE TABLE t()"), "");
  const auto seen = b.observe();
  EXPECT_FALSE(seen.status->in_recovery);
  EXPECT_EQ(seen.status->timeline, 2u);
  EXPECT_FALSE(seen.upstream);
  EXPECT_FALSE(seen.standby_signal);
  b.done(b.adapter().checkpoint(b.soon()));  // PostgreSQL makes one of its own, sooner or later
  EXPECT_EQ(b.observe().status->checkpoint_timeline, 2u);
  const auto history = b.done(b.adapter().own_history(b.soon()));
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].timeline, 1u);
}

// Neither a restart point nor a receiver tells it: only PostgreSQL's memory knows. A standby that took itself
// for older than the last failover would not lead.
TEST_F(PostgresLifecycle, AStandbyKnowsItsTimelineWhenItsUpstreamIsGone) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b"), c(runtime, directory, "c");
  const auto streams = [](const auto& i) { return i.status && i.status->receiver_streaming; };
  a.bootstrap();
  b.clone(a);
  b.start_standby(a);
  b.observe_until(streams);
  c.clone(a);
  c.start_standby(b);
  c.observe_until(streams);
  a.stop();
  b.done(b.adapter().promote());
  b.client().ask("CREATE TABLE t()");
  const auto written = b.observe().status->position;
  c.observe_until([&](const auto& i) { return i.status && i.status->replayed >= written; });
  c.restart_agent();  // it has not seen the new timeline
  b.stop();
  const auto seen = c.observe_until([](const auto& i) { return i.status && !i.status->receiver_streaming; });
  EXPECT_EQ(seen.status->checkpoint_timeline, 1u);
  EXPECT_EQ(seen.status->timeline, 2u);
}

TEST_F(PostgresLifecycle, AKilledPostmasterIsNoticedAtOnce) {
  PostgresNode a(runtime, directory, "a");
  a.bootstrap();
  a.observe();
  ASSERT_FALSE(a.adapter().ended().is_set());
  ASSERT_EQ(kill(a.postmaster_pid(), SIGKILL), 0);
  const auto begin = runtime.clock().now();
  auto wait = [&]() -> base::Task<void> { co_await a.adapter().ended().wait(); };
  EXPECT_TRUE(runtime.run_task(
      base::first_ends_first(runtime.executor(), wait(), runtime.clock().sleep_until(begin + 2s))));
  EXPECT_LT(runtime.clock().now() - begin, 500ms);
  EXPECT_EQ(a.observe().process, ha::Process::stopped);
  EXPECT_EQ(a.observe().control->state, pg::ControlState::in_production);
  a.done(a.adapter().start({}));
  EXPECT_EQ(a.client().ask("SELECT 1"), "1");
}

}  // namespace
}  // namespace holdfast::postgres
