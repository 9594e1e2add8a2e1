#include "patroni/postgres_commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "patroni/dynamic_config.hpp"
#include "patroni/json_text.hpp"

namespace holdfast::patroni {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

PostgresCommands commands(std::string_view json) {
  std::vector<std::string> problems;
  auto read = read_postgres_commands(parse_json_object(json).value(), problems);
  EXPECT_THAT(problems, IsEmpty());
  return read;
}

std::vector<std::string> problems_of(std::string_view json) {
  std::vector<std::string> problems;
  (void)read_postgres_commands(parse_json_object(json).value(), problems);
  return problems;
}

TEST(PostgresCommands, ReplicasAreMadeWithPgBasebackupUnlessSomethingElseIsSaid) {
  for (const auto* json : {"{}", R"({"create_replica_methods":null})", R"({"create_replica_methods":[]})"}) {
    const auto methods = commands(json).replica_methods;
    ASSERT_EQ(methods.size(), 1U) << json;
    EXPECT_TRUE(methods[0].is_basebackup());
  }
}

TEST(PostgresCommands, MethodsComeInTheirOrderWithTheArgumentsPatroniWouldPass) {
  const auto read = commands(R"({"create_replica_methods": ["wal_e", "restore", "basebackup", "/bin/own"],
      "wal_e": {"command": "fetch --all", "no_leader": 1, "threshold": 10.5, "use_iam": true, "scope": "x"},
      "restore": {"command": "pgbackrest --delta restore", "keep_data": true, "no_params": "True", "type": "none"},
      "basebackup": {"max-rate": "100M", "checkpoint": "'fast'", "empty": ""}})");
  const auto& methods = read.replica_methods;
  ASSERT_EQ(methods.size(), 4U);
  EXPECT_EQ(methods[0].command, "fetch --all");
  EXPECT_TRUE(methods[0].no_leader);
  EXPECT_THAT(methods[0].arguments, ElementsAre("--no_leader=1", "--threshold=10.5", "--use_iam=True"));
  EXPECT_TRUE(methods[1].no_params);
  EXPECT_TRUE(methods[1].keep_data);
  EXPECT_THAT(methods[1].arguments, ElementsAre("--type=none"));
  EXPECT_THAT(methods[2].arguments, ElementsAre("--max-rate=100M", "--checkpoint=fast"));
  EXPECT_EQ(methods[3].command, "/bin/own") << "a method without a section is a command";
  EXPECT_TRUE(read.can_restore_without_leader());
  EXPECT_FALSE(commands(R"({"create_replica_methods":"basebackup, a","a":{"no_leader":"false"}})")
                   .can_restore_without_leader());
}

TEST(PostgresCommands, BasebackupOptionsMayBeAList) {
  const auto read = commands(R"({"basebackup": ["verbose", {"max-rate": "100M"}, {"waldir": "/w"}]})");
  EXPECT_THAT(read.replica_methods.at(0).arguments,
              ElementsAre("--verbose", "--max-rate=100M", "--waldir=/w"));
}

TEST(PostgresCommands, WhatCannotBeRunIsReported) {
  EXPECT_THAT(problems_of(R"({"callbacks": {"on_start": ["a"]}})"),
              ElementsAre("postgresql.callbacks.on_start is a list: a command line is expected; ignored"));
  EXPECT_THAT(
      problems_of(R"({"create_replica_methods": 5})"),
      ElementsAre("postgresql.create_replica_methods is a number: a list of names is expected; ignored"));
  EXPECT_THAT(
      problems_of(R"({"create_replica_methods": ["a"], "a": {"command": "x", "b": [1]}})"),
      ElementsAre("postgresql.a.b is a list: a plain value is expected, to be passed as --b; ignored"));
}

TEST(PostgresCommands, TheNodesFileReplacesTheClustersKeyByKey) {
  PostgresConfig local;
  local.section = parse_json_object(R"({"callbacks": {"on_stop": "mine"}})").value();
  const auto effective = effective_config(
      parse_json_object(R"({"postgresql": {"pre_promote": "fence", "callbacks": {"on_start": "all"}}})")
          .value(),
      local, "demo");
  EXPECT_EQ(effective.postgresql.commands.pre_promote, "fence");
  EXPECT_EQ(effective.postgresql.commands.callbacks,
            (std::map<std::string, std::string>{{"on_stop", "mine"}}));
}

TEST(BootstrapMethod, ExtraKeysBecomeArguments) {
  std::vector<std::string> problems;
  const auto method = read_bootstrap_method(
      "restore",
      parse_json_object(R"({"command": "r --x", "test-argument": "test-value", "no_params": false,
          "recovery_conf": {"recovery_target_action": "promote", "recovery_target_inclusive": false}})")
          .value(),
      problems);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(method.command, "r --x");
  EXPECT_THAT(method.arguments, ElementsAre("--test-argument=test-value"));
  EXPECT_FALSE(method.no_params);
  ASSERT_TRUE(method.recovery_conf);
  EXPECT_EQ(method.recovery_conf->at("recovery_target_inclusive"), "off");
  EXPECT_FALSE(read_bootstrap_method("r", {}, problems).recovery_conf);
}

}  // namespace
}  // namespace holdfast::patroni
