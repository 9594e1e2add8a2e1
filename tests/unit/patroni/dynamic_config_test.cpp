#include "patroni/dynamic_config.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "patroni/json_text.hpp"
#include "unit/patroni/golden.hpp"

namespace holdfast::patroni {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

EffectiveConfig effective(std::string_view dynamic, const PostgresConfig& local = {}) {
  return effective_config(*parse_json_object(dynamic), local, "batman");
}

TEST(DynamicConfig, DefaultsArePatronis) {
  const auto config = effective("{}");
  EXPECT_THAT(config.problems, IsEmpty());
  EXPECT_EQ(config.settings.ttl, 30s);
  EXPECT_EQ(config.settings.loop_wait, 10s);
  EXPECT_EQ(config.settings.retry_timeout, 10s);
  EXPECT_EQ(config.settings.maximum_lag_on_failover, 1048576U);
  EXPECT_EQ(config.settings.primary_start_timeout, 300s);
  EXPECT_EQ(config.settings.synchronous_mode, ha::SynchronousMode::off);
  EXPECT_EQ(config.postgresql.parameters.at("wal_level"), "replica");
  EXPECT_EQ(config.postgresql.parameters.at("max_connections"), "100");
  EXPECT_EQ(config.postgresql.parameters.at("cluster_name"), "batman");
}

TEST(DynamicConfig, AcceptsNumbersAndFlagsAsText) {
  const auto config = effective(
      R"({"ttl":"20","loop_wait":2,"retry_timeout":5,"pause":"on","synchronous_mode":"true",
          "maximum_lag_on_failover":"99","maximum_lag_on_syncnode":-1,"master_start_timeout":0})");
  EXPECT_THAT(config.problems, IsEmpty());
  EXPECT_EQ(config.settings.ttl, 20s);
  EXPECT_TRUE(config.settings.pause);
  EXPECT_EQ(config.settings.synchronous_mode, ha::SynchronousMode::on);
  EXPECT_EQ(config.settings.maximum_lag_on_failover, 99U);
  EXPECT_FALSE(config.settings.maximum_lag_on_syncnode);
  EXPECT_EQ(config.settings.primary_start_timeout, 0s);
}

TEST(DynamicConfig, TheNewNameWinsOverTheOldOne) {
  const auto config = effective(R"({"primary_start_timeout":7,"master_start_timeout":0,
                                    "master_stop_timeout":30,"primary_stop_timeout":5})");
  EXPECT_THAT(config.problems, IsEmpty());
  EXPECT_EQ(config.settings.primary_start_timeout, 7s);
  EXPECT_EQ(config.settings.primary_stop_timeout, 5s);
  EXPECT_EQ(effective(R"({"master_stop_timeout":30})").settings.primary_stop_timeout, 30s);
}

TEST(DynamicConfig, TheNodesSectionGoesOverTheClusters) {
  PostgresConfig local;
  local.section = *parse_json_object(
      R"({"pg_ctl_timeout":90,"use_slots":false,"data_dir":"/d","callbacks":{"on_start":"/l"}})");
  const auto config = effective(
      R"({"postgresql":{"callbacks":{"on_stop":"/s"},"custom_conf":"c.conf","pgpass":"/p","parameters":{},
          "basebackup":["verbose"]}})",
      local);
  EXPECT_EQ(
      to_json_text(config.section, JsonLayout::compact),
      R"({"callbacks":{"on_start":"/l"},"custom_conf":"c.conf","basebackup":["verbose"],"pg_ctl_timeout":90,)"
      R"("data_dir":"/d"})");
  EXPECT_EQ(config.postgresql.custom_conf, "c.conf");
}

TEST(DynamicConfig, RecoveryConfBecomesSettings) {
  PostgresConfig local;
  local.section = *parse_json_object(
      R"({"recovery_conf":{"Restore_Command":"cp","trigger_file":"/t","standby_mode":"on","recovery_target":"x",
          "recovery_min_apply_delay":5}})");
  const auto config = effective(R"({"postgresql":{"parameters":{"restore_command":"scp"}}})", local);
  const auto& parameters = config.postgresql.parameters;
  EXPECT_EQ(parameters.at("restore_command"), "scp") << "parameters win";
  EXPECT_EQ(parameters.at("promote_trigger_file"), "/t");
  EXPECT_EQ(parameters.at("recovery_min_apply_delay"), "5");
  EXPECT_FALSE(parameters.contains("recovery_target"));
  EXPECT_FALSE(parameters.contains("standby_mode"));
}

TEST(DynamicConfig, DefaultsForGeneratedFiles) {
  EXPECT_EQ(to_json_text(default_shared_parameters(), JsonLayout::compact),
            R"({"hot_standby":"on","max_connections":100,"max_locks_per_transaction":64,)"
            R"("max_prepared_transactions":0,"max_replication_slots":10,"max_wal_senders":10,)"
            R"("max_worker_processes":8,"track_commit_timestamp":"off","wal_keep_size":"128MB",)"
            R"("wal_level":"replica","wal_log_hints":"on"})");
}

struct Timing {
  const char* config;
  base::Duration ttl, loop_wait, retry_timeout;
  std::size_t problems;
};

TEST(DynamicConfig, TimingRuleIsKeptByLowering) {
  const Timing cases[] = {
      {R"({"ttl":30,"loop_wait":10,"retry_timeout":10})", 30s, 10s, 10s, 0},
      {R"({"ttl":25,"loop_wait":10,"retry_timeout":10})", 25s, 5s, 10s, 1},
      {R"({"ttl":20,"loop_wait":2,"retry_timeout":10})", 20s, 1s, 9s, 1},
      {R"({"ttl":21,"loop_wait":2,"retry_timeout":10})", 21s, 1s, 10s, 1},
      {R"({"ttl":3,"loop_wait":1,"retry_timeout":1})", 3s, 1s, 1s, 0},
      {R"({"ttl":1,"loop_wait":0,"retry_timeout":-5})", 3s, 1s, 1s, 3},
      {R"({"ttl":4})", 4s, 1s, 1s, 1},
      {R"({"ttl":99999999999999})", base::Duration(std::chrono::seconds(315360000)), 10s, 10s, 0},
  };
  for (const auto& c : cases) {
    const auto config = effective(c.config);
    EXPECT_EQ(config.settings.ttl, c.ttl) << c.config;
    EXPECT_EQ(config.settings.loop_wait, c.loop_wait) << c.config;
    EXPECT_EQ(config.settings.retry_timeout, c.retry_timeout) << c.config;
    EXPECT_THAT(config.problems, SizeIs(c.problems)) << c.config;
  }
}

TEST(DynamicConfig, WrongTypesAreReportedAndDefaulted) {
  for (const auto* text :
       {R"({"ttl":"soon"})", R"({"loop_wait":[]})", R"({"synchronous_mode_strict":"perhaps"})",
        R"({"maximum_lag_on_failover":{}})", R"({"synchronous_node_count":0})", R"({"postgresql":5})",
        R"({"postgresql":{"parameters":[]}})", R"({"postgresql":{"parameters":{"work_mem":{}}}})",
        R"({"postgresql":{"pg_hba":"local all all trust"}})", R"({"postgresql":{"pg_hba":[7]}})",
        R"({"postgresql":{"parameters":{"max_connections":"lots"}}})",
        R"({"postgresql":{"parameters":{"max_wal_senders":1}}})",
        R"({"postgresql":{"parameters":{"port":9}}})",
        R"({"postgresql":{"parameters":{"wal_level":"minimal"}}})"}) {
    const auto config = effective(text);
    EXPECT_THAT(config.problems, SizeIs(1)) << text;
    EXPECT_EQ(config.settings.ttl, 30s);
    EXPECT_EQ(config.settings.loop_wait, 10s);
    EXPECT_FALSE(config.settings.synchronous_mode_strict);
    EXPECT_EQ(config.settings.synchronous_node_count, 1);
    EXPECT_EQ(config.postgresql.parameters.at("wal_level"), "replica");
    EXPECT_EQ(config.postgresql.parameters.at("max_wal_senders"), "10");
  }
}

TEST(DynamicConfig, WhatIsNotUnderstoodOfSynchronousModeIsOn) {
  EXPECT_EQ(effective(R"({"synchronous_mode":"quorum"})").settings.synchronous_mode,
            ha::SynchronousMode::quorum);
  EXPECT_EQ(effective(R"({"synchronous_mode":"yep"})").settings.synchronous_mode, ha::SynchronousMode::on);
  EXPECT_EQ(effective(R"({"synchronous_mode":null})").settings.synchronous_mode, ha::SynchronousMode::off);
}

TEST(DynamicConfig, AStandbyClusterNamesItsSource) {
  const auto config = effective(R"({"standby_cluster":{"host":"west","port":"5433","primary_slot_name":"east",
                                    "restore_command":"cp %f %p","create_replica_methods":["basebackup"]},
                                    "synchronous_mode":true,
                                    "postgresql":{"parameters":{"restore_command":"false"}}})");
  EXPECT_EQ(config.settings.standby_cluster, (ha::StandbyCluster{.host = "west",
                                                                 .port = 5433,
                                                                 .primary_slot_name = "east",
                                                                 .create_replica_methods = {"basebackup"}}));
  EXPECT_EQ(config.settings.synchronous_mode, ha::SynchronousMode::off);
  EXPECT_EQ(config.postgresql.parameters.at("restore_command"), "cp %f %p");
  EXPECT_THAT(config.problems, IsEmpty());

  EXPECT_EQ(effective(R"({"standby_cluster":{"restore_command":"cp %f %p"}})").settings.standby_cluster,
            ha::StandbyCluster{.create_replica_methods = {"basebackup"}});
  for (const auto* none :
       {R"({"standby_cluster":{}})", R"({"standby_cluster":null})", R"({"standby_cluster":3})",
        R"({"standby_cluster":{"primary_slot_name":"x","host":null}})"})
    EXPECT_FALSE(effective(none).settings.standby_cluster) << none;
  EXPECT_EQ(effective(R"({"standby_cluster":{"host":"h","port":"x"}})").problems.size(), 1U);
}

TEST(DynamicConfig, AStandbyClusterMakesReplicasItsOwnWay) {
  constexpr auto kMethods = [](const std::string& standby_cluster) {
    const auto config = effective(R"({"postgresql":{"create_replica_methods":["wal_g"],
                                                    "barman":{"command":"restore","no_leader":true}})" +
                                  standby_cluster + "}");
    std::vector<std::string> commands;
    for (const auto& method : config.postgresql.commands.replica_methods)
      commands.push_back(method.is_basebackup() ? "pg_basebackup" : method.command);
    EXPECT_EQ(config.settings.can_restore_without_leader, commands.front() == "restore");
    return commands;
  };
  EXPECT_THAT(kMethods(""), ElementsAre("wal_g"));
  EXPECT_THAT(
      kMethods(R"(,"standby_cluster":{"host":"west","create_replica_methods":["barman","basebackup"]})"),
      ElementsAre("restore", "pg_basebackup"));
  EXPECT_THAT(kMethods(R"(,"standby_cluster":{"host":"west"})"), ElementsAre("pg_basebackup"));
}

TEST(DynamicConfig, SynchronousCommitSaysByWhichPositionLagIsMeasured) {
  const auto commit = [](const char* value) {
    return effective(fmt::format(R"({{"postgresql":{{"parameters":{{"synchronous_commit":"{}"}}}}}})", value))
        .settings.synchronous_commit;
  };
  EXPECT_EQ(commit("remote_apply"), ha::SynchronousCommit::remote_apply);
  EXPECT_EQ(commit("remote_write"), ha::SynchronousCommit::remote_write);
  EXPECT_EQ(commit("on"), ha::SynchronousCommit::flush);
}

TEST(DynamicConfig, SlotsSayWhatTheyAreOrAreTakenForPhysical) {
  const auto settings =
      effective(R"({"slots":{"a":null,"b":0,"c":{},"d":{"type":"physical","cluster_type":"standby"},
      "e":{"database":"app","plugin":"pgoutput"},"f":{"type":"logical","database":"app","plugin":"wal2json"},
      "g":{"database":"app"}}})")
          .settings;
  const ha::PermanentSlot physical;
  EXPECT_EQ(settings.permanent_slots, (std::map<std::string, ha::PermanentSlot>{
                                          {"a", physical},
                                          {"b", physical},
                                          {"c", physical},
                                          {"d", {.cluster_type = ha::PermanentSlot::ClusterType::standby}},
                                          {"e", {.logical = true, .database = "app", .plugin = "pgoutput"}},
                                          {"f", {.logical = true, .database = "app", .plugin = "wal2json"}},
                                          {"g", physical}}));
  EXPECT_TRUE(settings.slots_understood);
  EXPECT_TRUE(
      effective(R"({"permanent_slots":{"a":0},"slots":{"b":0}})").settings.permanent_slots.contains("a"));
}

TEST(DynamicConfig, ASlotThatMakesNoSenseKeepsOthersFromBeingDropped) {
  const auto config =
      effective(R"({"slots":{"a":{"type":"logical"},"B":0,"c":7,"d":0},"ignore_slots":[1,{"name":"x"}]})");
  EXPECT_THAT(config.problems,
              ElementsAre("slots.a is ignored: a logical slot needs a database and a plugin",
                          "slots.B is ignored: a slot's name has at most 63 of a-z, 0-9 and _",
                          "slots.c is ignored: it is a number, and type, database and plugin are expected",
                          "ignore_slots: a number among its entries is ignored, an object is expected"));
  EXPECT_EQ(config.settings.permanent_slots.size(), 1u);
  EXPECT_THAT(config.settings.ignore_slots, ElementsAre(ha::SlotMatcher{.name = "x"}));
  EXPECT_FALSE(config.settings.slots_understood);
}

TEST(DynamicConfig, LocalWinsExceptForWhatAllNodesMustShare) {
  PostgresConfig local;
  local.listen_addresses = {"127.0.0.1", "::1"};
  local.port = 5433;
  local.local.parameters = {{"work_mem", "8MB"}, {"max_connections", "5000"}};
  local.local.pg_hba = {"local all all trust"};
  local.use_pg_rewind = false;
  const auto config = effective(
      R"({"postgresql":{"use_pg_rewind":true,"pg_hba":["host all all all md5"],"pg_ident":["m a b"],
          "parameters":{"Work_Mem":"4MB","max_connections":50,"fsync":true,"archive_mode":null,
                        "wal_keep_segments":100}}})",
      local);
  EXPECT_FALSE(config.settings.use_pg_rewind);
  EXPECT_THAT(config.problems, ElementsAre(HasSubstr("max_connections in the node's file")));
  const auto& parameters = config.postgresql.parameters;
  EXPECT_EQ(parameters.at("work_mem"), "8MB");
  EXPECT_EQ(parameters.at("max_connections"), "50");
  EXPECT_EQ(parameters.at("fsync"), "on");
  EXPECT_EQ(parameters.at("wal_keep_size"), "1600MB");
  EXPECT_EQ(parameters.at("listen_addresses"), "127.0.0.1,::1");
  EXPECT_EQ(parameters.at("port"), "5433");
  EXPECT_FALSE(parameters.contains("archive_mode"));
  EXPECT_THAT(config.postgresql.pg_hba, ElementsAre("local all all trust"));
  EXPECT_THAT(config.postgresql.pg_ident, ElementsAre("m a b"));
}

TEST(DynamicConfig, GoldenOnesAreUnderstood) {
  for (const auto& line : golden_lines("etcd/config.jsonl")) {
    const auto config = effective(line);
    for (const auto& problem : config.problems)
      EXPECT_TRUE(problem.contains("loop_wait") || problem.contains("quorum") ||
                  problem.contains("not supported yet"))
          << problem;
    EXPECT_TRUE(config.settings.use_pg_rewind);
  }
}

struct Patch {
  const char *config, *patch, *result;
  bool changed;
};

TEST(PatchConfig, MergesLikePatroni) {
  const Patch cases[] = {
      {R"({"ttl":30})", R"({"ttl":20,"pause":true})", R"({"ttl":20,"pause":true})", true},
      {R"({"ttl":30})", R"({"ttl":30})", R"({"ttl":30})", false},
      {R"({"ttl":30,"a":1})", R"({"a":null,"b":null})", R"({"ttl":30})", true},
      {R"({})", R"({"b":null})", R"({})", false},
      {R"({})", R"({"slots":{"a":null}})", R"({"slots":{"a":null}})", true},
      {R"({"p":{"x":1,"y":2,"w":4}})", R"({"p":{"x":null,"z":3}})", R"({"p":{"y":2,"w":4,"z":3}})", true},
      {R"({"p":5})", R"({"p":{"x":1}})", R"({"p":{"x":1}})", true},
  };
  for (const auto& c : cases) {
    auto config = *parse_json_object(c.config);
    EXPECT_EQ(patch_config(config, *parse_json_object(c.patch)), c.changed) << c.patch;
    EXPECT_EQ(to_json_text(config, JsonLayout::compact), c.result);
  }
}

}  // namespace
}  // namespace holdfast::patroni
