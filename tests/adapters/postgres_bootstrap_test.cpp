// Making clusters and replicas with commands of the user's, and rewinding, against real PostgreSQL.
#include <boost/json.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "adapters/postgres_server.hpp"
#include "pg/names.hpp"
#include "system/files.hpp"

namespace holdfast::postgres {
namespace {

using namespace std::chrono_literals;
using boost::json::array;
using boost::json::object;
using ports::StopMode;
using testing::Client;
using testing::PostgresNode;
using testing::TemporaryDirectory;

class PostgresBootstrap : public ::testing::Test {
 protected:
  // PostgreSQL's user, as whom the scripts run, writes here, too.
  PostgresBootstrap() { std::filesystem::permissions(directory.path(), std::filesystem::perms(0777)); }

  // A shell script that PostgreSQL's user may run.
  std::string script(const std::string& name, const std::string& body) {
    const auto path = directory.path() + "/" + name;
    std::ofstream(path) << "#!/bin/sh\nset -e\n" << body;
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    return path;
  }
  std::string file(const std::string& name) const { return directory.path() + "/" + name; }
  std::string text_of(const std::string& path) { return system::read_file(path).value_or(""); }
  // Sets "$datadir" from --datadir=..., as a script made for Patroni would.
  static constexpr auto kFindDatadir =
      "for a in \"$@\"; do case $a in --datadir=*) datadir=${a#--datadir=};; esac; done\n";
  // Copies a base backup there, made with the password of whom it is of.
  std::string backup_of(const PostgresNode& source) {
    return fmt::format(
        "PGPASSWORD=repl:secret /usr/lib/postgresql/15/bin/pg_basebackup -c fast -X stream -D \"$datadir\""
        " -d 'host=127.0.0.1 port={} user=replicator'\n",
        source.config.postgresql.port);
  }
  void archive_into(PostgresNode& node, const std::string& where) {
    std::filesystem::create_directories(where);
    std::filesystem::permissions(where, std::filesystem::perms(0777));
    auto& parameters = node.config.postgresql.local.parameters;
    parameters["archive_mode"] = "on";
    parameters["archive_command"] = "cp %p " + where + "/%f";
    parameters["restore_command"] = "cp " + where + "/%f %p";
  }

  net::Runtime runtime;
  TemporaryDirectory directory{runtime};
  static void ignore(const ports::Progress&) {}
};

TEST_F(PostgresBootstrap, AMethodMakesTheClusterAndTheConfiguredPasswordsHold) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  const auto id = a.bootstrap();
  a.client().ask("CREATE TABLE t AS SELECT 1");
  b.config.postgresql.superuser.password = "another-secret";
  b.config.postgresql.replication.password = "another-repl";
  b.config.bootstrap.method = {
      .name = "copy",
      .command = script("copy", "echo \"$@\" > " + file("arguments") + "\n" + kFindDatadir + backup_of(a)),
      .arguments = {"--test-argument=test value"}};
  EXPECT_EQ(b.bootstrap(), id);
  EXPECT_EQ(text_of(file("arguments")),
            "--scope=demo --datadir=" + b.data_dir() + " --test-argument=test value\n");
  const auto seen = b.observe();
  EXPECT_EQ(seen.data, ha::DataDirectory::valid);
  ASSERT_TRUE(seen.status) << seen.status_problem;
  EXPECT_FALSE(seen.status->in_recovery);
  EXPECT_EQ(Client(b.conninfo("postgres", "another-secret")).ask("SELECT count(*) FROM t"), "1");
  EXPECT_FALSE(Client(b.conninfo("postgres", "super-secret")).connected());
  EXPECT_TRUE(Client(b.conninfo("replicator", "another-repl")).connected());
  EXPECT_FALSE(b.log().contains("SCRAM-SHA-256$")) << b.log();
  EXPECT_FALSE(system::exists(b.data_dir() + ".incomplete"));
}

TEST_F(PostgresBootstrap, ARestoreEndsAtTheConfiguredPointInTime) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  archive_into(a, file("archive"));
  a.bootstrap();
  const auto copy = script("copy", std::string(kFindDatadir) + backup_of(a));
  a.client().ask("CREATE TABLE t AS SELECT 1 AS n");
  ASSERT_EQ(std::system((copy + " --datadir=" + file("backup") + " 2>/dev/null").c_str()), 0);
  a.client().ask("INSERT INTO t SELECT 2");
  a.client().ask("SELECT pg_create_restore_point('here')");
  a.client().ask("INSERT INTO t SELECT 3");
  a.client().ask("SELECT pg_switch_wal()");
  a.observe_until(
      [&](const auto&) { return a.client().ask("SELECT archived_count > 0 FROM pg_stat_archiver") == "t"; });
  a.stop(StopMode::fast);  // what is left is archived

  b.config.bootstrap.method = {
      .name = "restore",
      .command = script("restore", std::string(kFindDatadir) + "cp -a " + file("backup") + " \"$datadir\"\n"),
      .recovery_conf = {{{"restore_command", "cp " + file("archive") + "/%f %p"},
                         {"recovery_target_name", "here"},
                         {"recovery_target_action", "promote"}}}};
  if (geteuid() == 0) ASSERT_EQ(std::system(("chown -R postgres: " + file("backup")).c_str()), 0);
  b.bootstrap();
  EXPECT_EQ(b.client().ask("SELECT string_agg(n::text, ',' ORDER BY n) FROM t"), "1,2");
  EXPECT_EQ(b.observe().status->timeline, 2u);
  EXPECT_EQ(b.client().ask("SHOW recovery_target_name"), "") << "of that recovery only";
}

TEST_F(PostgresBootstrap, AMethodThatFailsLeavesNothing) {
  PostgresNode b(runtime, directory, "b");
  b.config.bootstrap.method = {
      .name = "broken",
      .command = script(
          "broken",
          std::string(kFindDatadir) +
              "mkdir \"$datadir\"; echo 15 > \"$datadir/PG_VERSION\"; echo super-secret >&2; exit 3\n")};
  const auto failed = runtime.run_task(b.adapter().bootstrap(ignore));
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().message.contains("bootstrap.broken")) << failed.error().message;
  EXPECT_TRUE(failed.error().message.contains("status 3: ***")) << failed.error().message;
  EXPECT_EQ(b.observe().data, ha::DataDirectory::absent);

  b.restart_agent();
  b.config.bootstrap.method->command = "/bin/true";
  const auto empty = runtime.run_task(b.adapter().bootstrap(ignore));
  ASSERT_FALSE(empty);
  EXPECT_TRUE(empty.error().message.contains("no whole PostgreSQL cluster")) << empty.error().message;
}

TEST_F(PostgresBootstrap, AReplicaMethodIsTriedBeforeTheNext) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  a.bootstrap();
  const auto mine = script(
      "mine",
      "echo \"$@\" > " + file("arguments") + "\ntest -n \"$PGPASSFILE\"\n" + kFindDatadir +
          "for a in \"$@\"; do case $a in --connstring=*) from=${a#--connstring=};; esac; done\n"
          "/usr/lib/postgresql/15/bin/pg_basebackup -w -c fast -X stream -D \"$datadir\" -d \"$from\"\n");
  const auto never = script("never", "touch " + file("never_run") + "\n");
  b.config.postgresql.section = {{"create_replica_methods", array{"broken", "mine", "never"}},
                                 {"broken", object{{"command", "false"}}},
                                 {"mine", object{{"command", mine}, {"threshold", 10}}},
                                 {"never", object{{"command", never}}}};
  b.clone(a);
  EXPECT_FALSE(system::exists(file("never_run")));
  const auto arguments = text_of(file("arguments"));
  EXPECT_TRUE(arguments.starts_with("--threshold=10 --scope=demo --role=replica --datadir=" + b.data_dir() +
                                    " --connstring="))
      << arguments;
  EXPECT_FALSE(arguments.contains("secret")) << arguments;
  auto seen = b.observe();
  EXPECT_EQ(seen.data, ha::DataDirectory::valid);
  EXPECT_TRUE(seen.standby_signal) << "a copy must not start as a primary";
  b.start_standby(a);
  b.observe_until([](const auto& i) { return i.status && i.status->receiver_streaming; });
}

TEST_F(PostgresBootstrap, WhatAMethodReplacesIsKeptAndComesBackWhenItFails) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  a.bootstrap();
  b.clone(a);
  std::ofstream(b.data_dir() + "/old") << "old";
  b.config.postgresql.section = {{"create_replica_methods", array{"mine"}},
                                 {"mine", object{{"command", script("fails", "exit 1\n")}}}};
  b.restart_agent();
  const auto failed = runtime.run_task(b.adapter().clone(a.upstream(), ignore));
  ASSERT_FALSE(failed);
  EXPECT_EQ(b.observe().data, ha::DataDirectory::valid);
  EXPECT_TRUE(system::exists(b.data_dir() + "/old"));

  b.config.postgresql.section["mine"] =
      object{{"command", script("works", std::string(kFindDatadir) + backup_of(a))}};
  b.restart_agent();
  b.clone(a);
  EXPECT_FALSE(system::exists(b.data_dir() + "/old"));
  int kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
    if (entry.path().string().starts_with(b.data_dir() + ".before_clone."))
      kept += system::exists(entry.path().string() + "/old");
  EXPECT_EQ(kept, 1);
}

TEST_F(PostgresBootstrap, WithoutALeaderOnlyMethodsThatNeedNoneAreTried) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  a.bootstrap();
  b.config.postgresql.section = {{"create_replica_methods", array{"basebackup", "restore"}}};
  const auto none = runtime.run_task(b.adapter().clone({}, ignore));
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().message.contains("no_leader")) << none.error().message;
  b.config.postgresql.section["restore"] =
      object{{"command", script("restore", std::string(kFindDatadir) + backup_of(a))}, {"no_leader", 1}};
  b.restart_agent();
  b.done(b.adapter().clone({}, ignore));
  EXPECT_EQ(b.observe().data, ha::DataDirectory::valid);
  // It claims no WAL beyond where its recovery begins.
  const auto end = runtime.run_task(b.adapter().end_of_wal(b.soon()));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_LE(*end, a.observe().status->position);
}

TEST_F(PostgresBootstrap, DataThatIsNotWantedIsDiscardedBeforeTheCopy) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  a.bootstrap();
  b.clone(a);
  std::ofstream(b.data_dir() + "/old") << "old";
  b.done(b.adapter().clone(a.upstream(), ignore, {.discard = true}));
  EXPECT_EQ(b.observe().data, ha::DataDirectory::valid);
  EXPECT_FALSE(system::exists(b.data_dir() + "/old"));
  for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
    EXPECT_FALSE(entry.path().string().contains(".before_clone.")) << entry.path();
}

// A primary that ran on alone while the other was promoted: it has WAL that nobody else has, and the WAL from
// where the histories part is in the archive only.
TEST_F(PostgresBootstrap, ADivergedPrimaryIsRewoundWithWalFromTheArchive) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  for (auto* node : {&a, &b}) {
    archive_into(*node, file("archive"));
    node->config.postgresql.local.parameters["max_wal_size"] = "32MB";
    node->config.bootstrap.dcs = {{"postgresql", {{"parameters", {{"wal_keep_size", "0"}}}}}};
  }
  a.bootstrap();
  b.clone(a);
  b.start_standby(a);
  b.observe_until([](const auto& i) { return i.status && i.status->receiver_streaming; });
  b.done(b.adapter().follow(std::nullopt, b.soon()));
  b.done(b.adapter().promote());
  b.client().ask("CREATE TABLE on_b AS SELECT 1");
  // Checkpoints on both sides of the parting: pg_rewind must read back beyond what a still has.
  a.done(a.adapter().drop_slot("b", a.soon()));
  for (int i = 0; i < 4; ++i) {
    a.client().ask("CREATE TABLE on_a" + std::to_string(i) +
                   " AS SELECT repeat('x', 100) FROM generate_series(1, 1000)");
    a.client().ask("SELECT pg_switch_wal()");
    a.client().ask("CHECKPOINT");
  }
  // A checkpoint removes what has been archived by then.
  a.observe_until([&](const auto&) {
    a.client().ask("CHECKPOINT");
    return a.client().ask(
               "SELECT count(*) FROM pg_ls_waldir() WHERE name < '000000010000000000000004'"
               " AND length(name) = 24") == "0";  // not of backup history files
  });
  ASSERT_EQ(::kill(a.postmaster_pid(), SIGKILL), 0);  // it crashes, and must be recovered first
  a.stop();
  a.done(a.adapter().rewind(b.upstream(), ignore));
  auto seen = a.observe();
  EXPECT_EQ(seen.data, ha::DataDirectory::valid);
  EXPECT_TRUE(seen.standby_signal);
  a.start_standby(b);
  a.observe_until([](const auto& i) { return i.status && i.status->receiver_streaming; });
  EXPECT_EQ(a.client().ask("SELECT count(*) FROM pg_class WHERE relname LIKE 'on_a%'"), "0");
  EXPECT_EQ(a.client().ask("SELECT count(*) FROM on_b"), "1");
}

TEST_F(PostgresBootstrap, WalThatWaitedForTheArchiveGetsThereBeforeARewind) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  archive_into(a, file("archive"));
  const auto works = a.config.postgresql.local.parameters["archive_command"];
  a.config.postgresql.local.parameters["archive_command"] = "false";
  a.bootstrap();
  b.clone(a);
  b.start_standby(a);
  b.observe_until([](const auto& i) { return i.status && i.status->receiver_streaming; });
  b.done(b.adapter().promote());
  a.client().ask("CREATE TABLE lost AS SELECT 1");
  a.client().ask("SELECT pg_switch_wal()");
  a.stop(StopMode::fast);
  a.config.postgresql.local.parameters["archive_command"] = works;
  a.restart_agent();
  EXPECT_EQ(system::names_in(file("archive")).value().size(), 0u);
  a.done(a.adapter().rewind(b.upstream(), ignore));
  EXPECT_GE(system::names_in(file("archive")).value().size(), 1u);
}

// PostgreSQL archives what it has written before it ends, but not the file with the record of its end.
TEST_F(PostgresBootstrap, TheFileInWhichAPrimaryEndedGoesToTheArchive) {
  PostgresNode a(runtime, directory, "a");
  archive_into(a, file("archive"));
  a.bootstrap();
  const auto running = runtime.run_task(a.adapter().archive_end_of_wal());
  ASSERT_FALSE(running);
  EXPECT_EQ(running.error().kind, base::ErrorKind::conflict);
  a.stop(StopMode::fast);
  const auto control = *a.observe().control;
  const auto last =
      file("archive/") + pg::wal_file_name(control.timeline, control.checkpoint, control.wal_segment_size);
  EXPECT_FALSE(system::exists(last));
  a.done(a.adapter().archive_end_of_wal());
  EXPECT_TRUE(system::exists(last));
}

// The shutdown checkpoint is there, and the archiver at work: nothing is written any more, and all can be
// seen.
TEST_F(PostgresBootstrap, APrimaryThatOnlyArchivesIsSeenAsSuch) {
  PostgresNode a(runtime, directory, "a");
  archive_into(a, file("archive"));
  a.config.postgresql.local.parameters["archive_command"] =
      "while [ ! -e " + file("go") + " ]; do sleep 0.05; done";
  a.bootstrap();
  a.client().ask("CREATE TABLE t AS SELECT 1");
  a.client().ask("SELECT pg_switch_wal()");
  EXPECT_FALSE(a.observe().wal_complete);
  base::TaskGroup beside(runtime.executor());
  std::optional<base::Result<void>> stopped;
  const auto stop = [&]() -> base::Task<void> {
    stopped = co_await a.adapter().stop(StopMode::fast, runtime.clock().now() + 60s);
  };
  beside.spawn(stop());
  const auto seen = a.observe_until([](const auto& i) { return i.wal_complete.has_value(); });
  EXPECT_EQ(seen.process, ha::Process::stopping);
  EXPECT_EQ(*seen.wal_complete, seen.control->checkpoint);
  EXPECT_FALSE(stopped);
  std::ofstream(file("go")).flush();
  a.observe_until([](const auto& i) { return i.process == ha::Process::stopped; });
  EXPECT_FALSE(a.observe().wal_complete);
}

TEST_F(PostgresBootstrap, AFenceThatFailsKeepsTheStandbyAStandby) {
  PostgresNode a(runtime, directory, "a"), b(runtime, directory, "b");
  a.bootstrap();
  b.clone(a);
  b.config.postgresql.section = {{"pre_promote", script("fence", "exit 1\n")},
                                 {"before_stop", script("before", "touch " + file("stopping") + "\n")}};
  b.restart_agent();
  b.start_standby(a);
  const auto refused = runtime.run_task(b.adapter().promote());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, base::ErrorKind::refused);
  EXPECT_TRUE(b.observe_until([](const auto& i) { return i.status.has_value(); }).status->in_recovery);
  b.stop(StopMode::fast);
  EXPECT_TRUE(system::exists(file("stopping")));
}

TEST_F(PostgresBootstrap, CallbacksRunOneAtATimeAndTheOlderIsKilled) {
  PostgresNode a(runtime, directory, "a");
  const auto note = script("note", "echo \"$@\" >> " + file("said") + "\n");
  a.config.postgresql.section = {
      {"callbacks",
       object{{"on_start", note + " first"},
              {"on_stop", script("stuck", "echo stuck >> " + file("said") + "\nsleep 600\necho late >> " +
                                              file("said") + "\n")},
              {"on_role_change", note + " 'two words'"}}}};
  const auto says = [&](const std::string& wanted) {
    const auto deadline = runtime.clock().now() + 20s;
    while (text_of(file("said")) != wanted && runtime.clock().now() < deadline)
      testing::let_time_pass(runtime, 10ms);
    EXPECT_EQ(text_of(file("said")), wanted);
  };
  a.adapter().call_back({ha::CallbackAction::on_start, ha::MemberRole::replica});
  says("first on_start replica demo\n");
  a.adapter().call_back({ha::CallbackAction::on_stop, ha::MemberRole::replica});
  says("first on_start replica demo\nstuck\n");
  a.adapter().call_back({ha::CallbackAction::on_restart, ha::MemberRole::replica});  // none is configured
  a.adapter().call_back({ha::CallbackAction::on_role_change, ha::MemberRole::primary});
  says("first on_start replica demo\nstuck\ntwo words on_role_change primary demo\n");
}

}  // namespace
}  // namespace holdfast::postgres
