// Where a configuration comes from: files of a directory, the environment; and its less common sections.
#include <boost/json.hpp>
#include <gmock/gmock.h>

#include "patroni/config_file.hpp"
#include "patroni/json_text.hpp"

namespace holdfast::patroni {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kSmall = R"(scope: main
name: node1
restapi: {listen: '10.0.0.1:8008'}
etcd3: {host: 10.0.0.1}
postgresql:
  listen: 10.0.0.1:5432
  data_dir: data/pg
  authentication: {replication: {username: replicator}}
)";

LoadedConfig load(std::string_view more, const Environment& environment = {}) {
  auto loaded = load_config(std::string(kSmall).append(more), "node.yml", environment);
  EXPECT_TRUE(loaded) << loaded.error().message;
  return loaded ? std::move(*loaded) : LoadedConfig{};
}

YamlNode tree_of(std::string_view text, std::string_view name) {
  auto tree = parse_yaml_map(text, name);
  EXPECT_TRUE(tree) << tree.error().message;
  set_places(*tree, name);
  return std::move(*tree);
}

TEST(ConfigSources, ALaterFileWinsAndNullRemoves) {
  auto merged = tree_of(kSmall, "a.yml");
  merge_yaml(merged, tree_of("name: node2\ntags: {nosync: true, nofailover: true}\n", "b.yml"));
  merge_yaml(merged, tree_of("tags: {nosync: null}\nrestapi: {certfile: /c}\nwatchdgo: {}\n", "c.yml"));
  const auto loaded = load_config(merged, "conf.d", {});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->config.name, "node2");
  EXPECT_TRUE(loaded->config.tags.nofailover);
  EXPECT_FALSE(loaded->config.tags.nosync);
  EXPECT_EQ(loaded->config.restapi.certfile, "/c");
  EXPECT_EQ(loaded->config.restapi.connect_address, "10.0.0.1:8008");
  EXPECT_THAT(loaded->warnings,
              ElementsAre("conf.d: watchdgo (c.yml, line 3): unknown key, did you mean watchdog?"));
}

TEST(ConfigSources, VariablesHoldListsAndMaps) {
  const auto loaded = load("", {{"PATRONI_LOG_TYPE", "json"},
                                {"PATRONI_LOG_STATIC_FIELDS", "{app: patroni, shard: 3}"},
                                {"PATRONI_LOG_FORMAT", "message, asctime: time"},
                                {"PATRONI_ETCD3_HOSTS", "- 'a:1'\n- b:2"},
                                {"PATRONI_POSTGRESQL_BIN_POSTGRES", "postmaster"},
                                {"PATRONI_CONSUL_HOST", "ignored:8500"}});
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_TRUE(loaded.config.log.json);
  EXPECT_EQ(to_json_text(loaded.config.log.static_fields, JsonLayout::compact),
            R"({"app":"patroni","shard":"3"})");
  ASSERT_EQ(loaded.config.log.fields.size(), 2U);
  EXPECT_EQ(loaded.config.log.fields[1].attribute, "asctime");
  EXPECT_EQ(loaded.config.log.fields[1].key, "time");
  ASSERT_EQ(loaded.config.etcd.hosts.size(), 2U);
  EXPECT_EQ(loaded.config.etcd.hosts[1].host, "b");
  EXPECT_EQ(loaded.config.postgresql.bin_name.at("postgres"), "postmaster");
}

TEST(ConfigSources, AVariableThatNobodyKnowsIsNamed) {
  const auto loaded = load("", {{"PATRONI_POSTGRESQL_LISTN", "h:1"},
                                {"PATRONI_LOG_LOGGERS", "[a"},
                                {"PATRONI_LOGLEVEL", "WARNING"},
                                {"PATH", "/bin"}});
  EXPECT_THAT(loaded.warnings,
              ElementsAre(HasSubstr("PATRONI_LOG_LOGGERS is ignored: a map (key: value, ...) is expected"),
                          HasSubstr("PATRONI_POSTGRESQL_LISTN: unknown environment variable, did you mean "
                                    "PATRONI_POSTGRESQL_LISTEN?")));
  EXPECT_EQ(loaded.config.log.level, "WARNING");
}

TEST(ConfigSources, TheNewNameOfAVariableWins) {
  const auto loaded = load("", {{"PATRONI_LOGLEVEL", "ERROR"}, {"PATRONI_LOG_LEVEL", "DEBUG"}});
  EXPECT_EQ(loaded.config.log.level, "DEBUG");
}

TEST(ConfigSources, ReadsTheLogSection) {
  const auto log = load(R"(
log:
  format: '%(levelname)s %(message)s'
  dateformat: '%H:%M'
  dir: /var/log/patroni
  mode: 384
  file_size: 1000
  file_num: 2
  loggers: {patroni.ha: DEBUG}
)")
                       .config.log;
  EXPECT_EQ(log.format, "%(levelname)s %(message)s");
  EXPECT_EQ(log.dateformat, "%H:%M");
  EXPECT_EQ(log.dir, "/var/log/patroni");
  EXPECT_EQ(log.mode, 0600);
  EXPECT_EQ(log.file_size, 1000U);
  EXPECT_EQ(log.file_num, 2U);
}

TEST(ConfigSources, KeepsWhatOthersRead) {
  const auto loaded = load("  krbsrvname: pg\n  custom_conf: mine.conf\n  config_base_name: pg\n");
  EXPECT_THAT(loaded.warnings, IsEmpty());
  const auto& postgresql = loaded.config.postgresql;
  EXPECT_EQ(postgresql.data_dir, "data/pg") << "from where the program was started";
  EXPECT_EQ(postgresql.replication.krbsrvname, "pg");
  EXPECT_EQ(postgresql.config_base_name, "pg");
  EXPECT_EQ(postgresql.section.at("custom_conf").as_string(), "mine.conf");
  EXPECT_EQ(loaded.tree.at("scope").as_string(), "main");
}

}  // namespace
}  // namespace holdfast::patroni
