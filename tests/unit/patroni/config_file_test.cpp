#include "patroni/config_file.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>

#include "patroni/host_port.hpp"
#include "patroni/json_text.hpp"

namespace holdfast::patroni {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kSmall = R"(scope: main
name: node1
restapi:
  listen: 0.0.0.0:8008
  connect_address: 10.0.0.1:8008
etcd3:
  hosts: [10.0.0.1:2379, 10.0.0.2:2379]
postgresql:
  listen: 0.0.0.0:5432
  connect_address: 10.0.0.1:5432
  data_dir: /srv/pg
  authentication:
    replication: {username: replicator, password: secret-rep}
)";

base::Result<LoadedConfig> load(std::string_view text, const Environment& environment = {}) {
  return load_config(text, "node.yml", environment);
}

// The small file with one more piece of text, or with one piece replaced.
std::string with(std::string_view more) { return std::string(kSmall).append(more); }
std::string with(std::string_view old_text, std::string_view new_text) {
  std::string text(kSmall);
  const auto at = text.find(old_text);
  EXPECT_NE(at, std::string::npos) << old_text;
  return text.replace(at, old_text.size(), new_text);
}

TEST(ConfigFile, TheSmallestOneLoadsWithoutAWarning) {
  const auto loaded = load(kSmall);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->warnings, IsEmpty());
  const auto& config = loaded->config;
  EXPECT_EQ(config.scope, "main");
  EXPECT_EQ(config.dcs_namespace, "/service/");
  ASSERT_EQ(config.etcd.hosts.size(), 2U);
  EXPECT_EQ(to_string(config.etcd.hosts[1]), "10.0.0.2:2379");
  EXPECT_EQ(config.restapi.connect_address, "10.0.0.1:8008");
  EXPECT_EQ(config.postgresql.port, 5432);
  EXPECT_THAT(config.postgresql.listen_addresses, ElementsAre("0.0.0.0"));
  EXPECT_EQ(config.postgresql.superuser.username, "postgres");
  EXPECT_EQ(config.postgresql.replication.username, "replicator");
}

// The configuration of Patroni's own acceptance suite, with everything in it that has a reader here.
TEST(ConfigFile, ReadsPatronisOwn) {
  const auto loaded = load(R"(
bootstrap:
  dcs:
    loop_wait: 2
    maximum_lag_on_failover: 1048576
    postgresql:
      parameters: {archive_mode: 'on', wal_keep_segments: 100}
      pg_hba: [host replication replicator 127.0.0.1/32 md5, host all all 0.0.0.0/0 md5]
      use_pg_rewind: true
    retry_timeout: 10
    ttl: 30
  initdb:
  - encoding: UTF8
  - data-checksums
  - auth: md5
  post_bootstrap: psql -w -c "SELECT 1"
log:
  format: '%(asctime)s %(levelname)s: %(message)s'
  loggers: {patroni.postgresql.callback_executor: DEBUG}
name: postgres-0
postgresql:
  authentication:
    replication: {password: rep-pass, sslcert: /o/patroni.crt, sslmode: verify-ca, username: replicator}
    rewind: {password: rewind_password, username: rewind_user}
    superuser: {password: patroni, sslkey: /o/patroni.key, username: postgres}
  basebackup:
  - checkpoint: fast
  - verbose
  connect_address: 127.0.0.1:5361
  data_dir: /srv/data/postgres-0/
  listen: 127.0.0.1,::1:5361
  parameters: {shared_buffers: 1MB, ssl: 'on', log_file_mode: 0600, Fsync: off, work_mem: 4096, unset: }
  pg_hba:
  - local all all trust
  pgpass: /tmp/pgpass_postgres-0
  use_unix_socket: true
  use_unix_socket_repl: true
restapi: {connect_address: '127.0.0.1:8008', listen: '127.0.0.1:8008'}
scope: batman
tags: {clonefrom: false, noloadbalance: 'true', nofailover: false, failover_priority: '1', custom: value}
)",
                           {{"PATRONI_RESTAPI_USERNAME", "username"},
                            {"PATRONI_RESTAPI_PASSWORD", "password"},
                            {"PATRONI_RESTAPI_CAFILE", "/o/patroni.crt"},
                            {"PATRONI_RESTAPI_CERTFILE", "/o/patroni.crt"},
                            {"PATRONI_RESTAPI_KEYFILE", "/o/patroni.key"},
                            {"PATRONI_RESTAPI_VERIFY_CLIENT", "required"},
                            {"PATRONI_CTL_INSECURE", "on"},
                            {"PATRONI_CTL_CERTFILE", "/o/patroni.crt"},
                            {"PATRONI_CTL_KEYFILE", "/o/patroni.key"},
                            {"PATRONI_ETCD3_HOST", "localhost:2379"}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->warnings, IsEmpty());
  const auto& config = loaded->config;
  EXPECT_EQ(
      to_json_text(config.bootstrap.dcs, JsonLayout::compact),
      R"({"loop_wait":2,"maximum_lag_on_failover":1048576,"postgresql":{"parameters":{"archive_mode":"on",)"
      R"("wal_keep_segments":100},"pg_hba":["host replication replicator 127.0.0.1/32 md5",)"
      R"("host all all 0.0.0.0/0 md5"],"use_pg_rewind":true},"retry_timeout":10,"ttl":30})");
  ASSERT_EQ(config.bootstrap.initdb.size(), 3U);
  EXPECT_EQ(config.bootstrap.initdb[0].value, "UTF8");
  EXPECT_EQ(config.bootstrap.initdb[1].name, "data-checksums");
  EXPECT_FALSE(config.bootstrap.initdb[1].value);
  EXPECT_EQ(config.bootstrap.post_bootstrap, "psql -w -c \"SELECT 1\"");
  const auto& postgresql = config.postgresql;
  EXPECT_THAT(postgresql.listen_addresses, ElementsAre("127.0.0.1", "::1"));
  EXPECT_EQ(postgresql.port, 5361);
  EXPECT_EQ(postgresql.data_dir, "/srv/data/postgres-0");
  EXPECT_EQ(postgresql.replication.sslmode, "verify-ca");
  EXPECT_EQ(postgresql.rewind.username, "rewind_user");
  EXPECT_EQ(postgresql.local.parameters.at("log_file_mode"), "0600");
  EXPECT_EQ(postgresql.local.parameters.at("fsync"), "off");
  EXPECT_EQ(postgresql.local.parameters.at("ssl"), "on");
  EXPECT_EQ(postgresql.local.parameters.at("work_mem"), "4096");
  EXPECT_FALSE(postgresql.local.parameters.contains("unset"));
  EXPECT_THAT(postgresql.local.pg_hba, ElementsAre("local all all trust"));
  EXPECT_EQ(config.restapi.verify_client, RestApiConfig::VerifyClient::required);
  EXPECT_EQ(config.restapi.username, "username");
  EXPECT_TRUE(config.ctl.insecure);
  EXPECT_EQ(config.ctl.files.cacert, "/o/patroni.crt") << "defaults to restapi.cafile";
  EXPECT_EQ(config.ctl.password, "password") << "defaults to restapi.authentication";
  EXPECT_EQ(to_string(config.etcd.hosts.at(0)), "localhost:2379");
  EXPECT_EQ(to_json_text(config.tags_json, JsonLayout::compact),
            R"({"noloadbalance":"true","nofailover":false,"failover_priority":"1","custom":"value"})");
  EXPECT_TRUE(config.tags.noloadbalance);
}

TEST(ConfigFile, TheEnvironmentWins) {
  const auto loaded = load(kSmall, {{"PATRONI_SCOPE", "other"},
                                    {"PATRONI_NAME", ""},
                                    {"PATRONI_NAMESPACE", "ns"},
                                    {"PATRONI_ETCD3_HOSTS", "'a:1','b:2'"},
                                    {"PATRONI_POSTGRESQL_DATA_DIR", "/d"},
                                    {"PATRONI_SUPERUSER_USERNAME", "admin"},
                                    {"PATRONI_LOG_LEVEL", "DEBUG"}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->config.scope, "other");
  EXPECT_EQ(loaded->config.name, "node1") << "an empty variable counts as unset";
  EXPECT_EQ(loaded->config.dcs_namespace, "/ns/");
  ASSERT_EQ(loaded->config.etcd.hosts.size(), 2U);
  EXPECT_EQ(to_string(loaded->config.etcd.hosts[1]), "b:2");
  EXPECT_EQ(loaded->config.postgresql.data_dir, "/d");
  EXPECT_EQ(loaded->config.postgresql.superuser.username, "admin");
  EXPECT_EQ(loaded->config.log.level, "DEBUG");
}

TEST(ConfigFile, SaysWhoMayAskOverRestAndWhatAnswersCarry) {
  const auto loaded = load(with("  connect_address: 10.0.0.1:8008\netcd3",
                                R"(  connect_address: 10.0.0.1:8008
  allowlist_include_members: true
  http_extra_headers: {X-Frame-Options: SAMEORIGIN}
  https_extra_headers: {Strict-Transport-Security: max-age=31536000}
  server_tokens: ProductOnly
  request_queue_size: 20
etcd3)"),
                           {{"PATRONI_RESTAPI_ALLOWLIST", "['10.0.0.0/8','admin']"}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->warnings, testing::IsEmpty());
  const auto& rest = loaded->config.restapi;
  EXPECT_THAT(rest.allowlist, testing::ElementsAre("10.0.0.0/8", "admin"));
  EXPECT_TRUE(rest.allowlist_include_members);
  EXPECT_THAT(rest.http_extra_headers, testing::ElementsAre(testing::Pair("X-Frame-Options", "SAMEORIGIN")));
  EXPECT_THAT(rest.https_extra_headers,
              testing::ElementsAre(testing::Pair("Strict-Transport-Security", "max-age=31536000")));
  EXPECT_EQ(rest.server_tokens, RestApiConfig::ServerTokens::product_only);
  EXPECT_EQ(rest.request_queue_size, 20);
}

TEST(ConfigFile, AnErrorInTheEnvironmentNamesTheVariable) {
  const auto loaded = load(kSmall, {{"PATRONI_POSTGRESQL_LISTEN", "10.0.0.1:99999"}});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, AllOf(HasSubstr("postgresql.listen (from PATRONI_POSTGRESQL_LISTEN)"),
                                            HasSubstr("1 to 65535")));
}

TEST(ConfigFile, EtcdIsNamedInManyWays) {
  struct Case {
    const char* yaml;
    std::vector<std::string> hosts;
    bool tls;
  };
  const Case cases[] = {
      {"etcd3: {host: 'a:1'}", {"a:1"}, false},
      {"etcd3: {host: a}", {"a:2379"}, false},
      {"etcd3: {host: a, port: 99}", {"a:99"}, false},
      {"etcd3: {hosts: 'a:1, b'}", {"a:1", "b:2379"}, false},
      {"etcd3: {hosts: ['a:1', '[::1]:2'], protocol: https}", {"a:1", "[::1]:2"}, true},
      {"etcd3: {url: 'https://u:p@a:5/'}", {"a:5"}, true},
      {"etcd3: {url: 'http://a'}", {"a:2379"}, false},
      {"etcd: {hosts: ['a:1']}", {"a:1"}, false},
  };
  for (const auto& c : cases) {
    const auto loaded = load(with("etcd3:\n  hosts: [10.0.0.1:2379, 10.0.0.2:2379]", c.yaml));
    ASSERT_TRUE(loaded) << c.yaml << loaded.error().message;
    std::vector<std::string> hosts;
    for (const auto& host : loaded->config.etcd.hosts) hosts.push_back(to_string(host));
    EXPECT_EQ(hosts, c.hosts) << c.yaml;
    EXPECT_EQ(loaded->config.etcd.tls, c.tls) << c.yaml;
  }
}

struct Bad {
  std::string yaml;
  std::vector<std::string> message;  // all of these are in it
};

TEST(ConfigFile, ErrorsNameFileKeyLineAndRemedy) {
  const Bad cases[] = {
      {"scope: [unclosed", {"node.yml: line 1", "malformed YAML"}},
      {"scope: a\n\tname: b", {"node.yml: line 2", "malformed YAML"}},
      {"just text", {"node.yml: a map of keys is expected", "just text"}},
      {"- scope\n- name", {"node.yml: a map of keys is expected", "found a list"}},
      {"scope: a\nscope: b", {"node.yml: line 2", "the key scope is given twice, first in line 1"}},
      {"scope: a\n---\nname: b", {"a second document"}},
      {"scope: a\n} x\nname: b", {"malformed YAML"}},
      {"w,099-41-01\016{\"\",\"\210ww\016{\"\"\037}", {"node.yml"}},
      {"scope: &a [*a]", {"node.yml: line 1", "malformed YAML"}},
      {"? [a]\n: b", {"node.yml: line 1", "a key must be a plain word"}},
      {"scope: *nowhere", {"node.yml: line 1", "malformed YAML"}},
      {with("scope: main", "# no scope"), {"node.yml: scope: missing; the name of the cluster"}},
      {with("scope: main", "scope: a/b"), {"scope (line 1)", "slash"}},
      {with("name: node1", "name: {a: b}"), {"name (line 2): a text is expected, found a map of keys"}},
      {with("name: node1", "name: ''"), {"name (line 2): must not be empty"}},
      {with("data_dir: /srv/pg", "data_dir: //"),
       {"postgresql.data_dir (line 11): must not be the root directory"}},
      {with("data_dir: /srv/pg", "data_dir: /srv/pg\n  bin_name: {postgres: /bin/postgres}"),
       {"postgresql.bin_name.postgres (line 12): the name of a program in postgresql.bin_dir is expected"}},
      {with("log: {format: plain}\n"), {"log.format (line 14): a text with attributes such as %(asctime)s"}},
      {with("log: {format: [asctime]}\n"), {"log.format (line 14): a text is expected, found a list"}},
      {with("log: {type: xml}\n"), {"log.type (line 14): one of plain, json is expected, found \"xml\""}},
      {with("  data_dir: /srv/pg\n", ""), {"postgresql.data_dir: missing"}},
      {with("listen: 0.0.0.0:5432", "listen: 0.0.0.0:543210"), {"postgresql.listen (line 9)", "1 to 65535"}},
      {with("listen: 0.0.0.0:5432", "listen: 'a b:5432'"), {"postgresql.listen (line 9)", "no host name"}},
      {with("connect_address: 10.0.0.1:5432", "connect_address: '*:5432'"),
       {"postgresql.connect_address (line 10)", "others could connect"}},
      {with("  connect_address: 10.0.0.1:5432\n", ""), {"postgresql.connect_address: missing"}},
      {with("restapi:\n  listen: 0.0.0.0:8008\n  connect_address: 10.0.0.1:8008\n", ""),
       {"restapi.connect_address: missing"}},
      {with("hosts: [10.0.0.1:2379, 10.0.0.2:2379]", "hosts: [10.0.0.1:x]"),
       {"etcd3.hosts (line 7)", "\"x\""}},
      {with("hosts: [10.0.0.1:2379, 10.0.0.2:2379]", "hosts: {a: b}"),
       {"etcd3.hosts (line 7): a list of texts is expected, found a map"}},
      {with("hosts: [10.0.0.1:2379, 10.0.0.2:2379]", "protocol: htps\n  host: a"),
       {"etcd3.protocol (line 7): one of http, https is expected, found \"htps\""}},
      {with("etcd3:\n  hosts: [10.0.0.1:2379, 10.0.0.2:2379]", "consul: {host: a}"),
       {"consul (line 6): is not supported; use etcd3"}},
      {with("etcd3:\n  hosts: [10.0.0.1:2379, 10.0.0.2:2379]\n", ""), {"etcd3: missing; name the endpoints"}},
      {with("username: replicator, ", ""), {"postgresql.authentication.replication.username: missing"}},
      {with("replication: {username: replicator, password: secret-rep}", "replication: replicator"),
       {"postgresql.authentication.replication (line 13): a map of keys is expected"}},
      {with("log: {level: LOUD}\n"), {"log.level (line 14): one of DEBUG,", "found \"LOUD\""}},
      {with("tags: {nofailover: maybe}\n"), {"tags.nofailover (line 14): true or false is expected"}},
      {with("tags: {failover_priority: high}\n"), {"tags.failover_priority (line 14): a number"}},
      {with("watchdog: {mode: perhaps}\n"), {"watchdog.mode (line 14)"}},
      {with("bootstrap: {initdb: [[a]]}\n"), {"bootstrap.initdb (line 14): a list of options"}},
      {with("bootstrap: {initdb: UTF8}\n"), {"bootstrap.initdb (line 14): a list of options"}},
      {with("bootstrap: {dcs: 5}\n"), {"bootstrap.dcs (line 14): a map of keys is expected"}},
      {with("bootstrap: {method: pgbackrest}\n"),
       {"bootstrap.method (line 14)", "there is no section pgbackrest"}},
      {with("connect_address: 10.0.0.1:8008", "connect_address: 10.0.0.1:8008\n  verify_client: required"),
       {"restapi.cafile: missing", "restapi.certfile: missing"}},
  };
  for (const auto& c : cases) {
    const auto loaded = load(c.yaml);
    ASSERT_FALSE(loaded) << c.yaml;
    EXPECT_EQ(loaded.error().kind, base::ErrorKind::invalid);
    for (const auto& part : c.message) EXPECT_THAT(loaded.error().message, HasSubstr(part)) << c.yaml;
  }
}

TEST(ConfigFile, EtcdsUrlMayHoldALogin) {
  const auto loaded = load(with("hosts: [10.0.0.1:2379, 10.0.0.2:2379]",
                                "url: 'https://me:p%40ss%3A@etcd.example.org'\n  hosts: [10.0.0.9:2379]"));
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto& etcd = loaded->config.etcd;
  EXPECT_EQ(etcd.username, "me");
  EXPECT_EQ(etcd.password, "p@ss:");
  EXPECT_TRUE(etcd.tls);
  ASSERT_EQ(etcd.hosts.size(), 1U) << "the URL wins over hosts, as in Patroni";
  EXPECT_EQ(etcd.hosts[0].host, "etcd.example.org");
}

TEST(ConfigFile, EtcdsHostsMayBeFoundByDns) {
  const auto loaded =
      load(with("hosts: [10.0.0.1:2379, 10.0.0.2:2379]", "srv: example.org\n  srv_suffix: main"));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->config.etcd.srv, "example.org");
  EXPECT_EQ(loaded->config.etcd.srv_suffix, "main");
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

TEST(ConfigFile, TheWatchdogIsReadAsPatroniHasIt) {
  const auto loaded =
      load(with("watchdog: {mode: required, driver: testing, device: /run/fifo, safety_margin: -1}\n"));
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto& watchdog = loaded->config.watchdog;
  EXPECT_EQ(watchdog.mode, WatchdogConfig::Mode::required);
  EXPECT_EQ(watchdog.driver, "testing");
  EXPECT_EQ(watchdog.device, "/run/fifo");
  EXPECT_LT(watchdog.safety_margin, base::Duration::zero());
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_EQ(load(with("watchdog: {mode: auto}\n"))->config.watchdog.mode, WatchdogConfig::Mode::automatic);
  EXPECT_THAT(load(with("watchdog: {driver: softdog}\n")).error().message,
              HasSubstr("watchdog.driver (line 14)"));
}

TEST(ConfigFile, AllErrorsAreReportedAtOnce) {
  const auto loaded = load("name: 5\npostgresql: {data_dir: /, listen: 'h:0'}\nlog: {level: 1}\n");
  ASSERT_FALSE(loaded);
  for (const auto* key :
       {"scope:", "data_dir", "listen", "log.level", "etcd3", "replication.username", "restapi"})
    EXPECT_THAT(loaded.error().message, HasSubstr(key));
}

TEST(ConfigFile, PasswordsAreNeverShown) {
  const auto loaded = load(
      "scope: [x]\netcd3: {url: 'htp://user:topsecret@h', password: [topsecret]}\n"
      "postgresql: {authentication: {superuser: {password: {a: topsecret}}}}\n");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, Not(HasSubstr("topsecret")));
}

TEST(ConfigFile, UnknownKeysAreWarnedOfWithTheNearestKnownOne) {
  struct Case {
    std::string yaml, warning;
  };
  const Case cases[] = {
      {with("  data_dirr: /x\n"),
       "node.yml: postgresql.data_dirr (line 14): unknown key, did you mean data_dir?"},
      {with("scpoe: x\n"), "node.yml: scpoe (line 14): unknown key, did you mean scope?"},
      {with("wholly_different: x\n"), "node.yml: wholly_different (line 14): unknown key; it has no effect"},
      {with("bootstrap: {dcs: {synchronus_mode: true}}\n"),
       "node.yml: bootstrap.dcs.synchronus_mode (line 14): unknown key, did you mean synchronous_mode?"},
      {with("  callbacks: {on_begin: /x}\n"),
       "node.yml: bootstrap.dcs: postgresql.callbacks.on_begin is no action; there are on_start, on_stop, "
       "on_restart, on_role_change, on_reload"},
      {with("  create_replica_methods: [basebackup, mine]\n  mine: 5\n"),
       "node.yml: bootstrap.dcs: postgresql.mine is a number: a section with a command is expected; mine "
       "itself is run"},
      {with("bootstrap: {users: {a: {password: b}}}\n"),
       "node.yml: bootstrap.users (line 14): has no effect since Patroni 4: create users with "
       "post_bootstrap"},
      {with("bootstrap: {dcs: {ttl: soon}}\n"),
       "node.yml: bootstrap.dcs: ttl is \"soon\": a number is expected; 30 is taken"},
      {with("tags: {nofailover: true, failover_priority: 1}\n"),
       "node.yml: tags.nofailover (line 14): Conflicting configuration between nofailover: True and "
       "failover_priority: 1. "
       "Defaulting to nofailover: True"},
      {with("bootstrap: {initdb: [{pgdata: /x}]}\n"),
       "node.yml: bootstrap.initdb (line 14): the option pgdata is set by Holdfast itself; ignored"},
  };
  for (const auto& c : cases) {
    const auto loaded = load(c.yaml);
    ASSERT_TRUE(loaded) << c.yaml << loaded.error().message;
    EXPECT_THAT(loaded->warnings, ElementsAre(c.warning)) << c.yaml;
  }
}

TEST(ConfigFile, AliasesAndMergeKeysAreFollowed) {
  const auto loaded = load(R"(
scope: &s main
name: *s
restapi: {listen: 'h:1'}
etcd3: {host: h}
postgresql:
  listen: h:2
  data_dir: /d
  authentication:
    replication: &login {username: r, password: p, sslmode: require}
    rewind: {<<: *login, username: w}
)");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->config.name, "main");
  EXPECT_EQ(loaded->config.postgresql.rewind.username, "w");
  EXPECT_EQ(loaded->config.postgresql.rewind.sslmode, "require");
}

TEST(ConfigFile, AliasBombsAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 10; ++j) bomb += fmt::format("*a{},", i - 1);
    bomb += "]\n";
  }
  const auto loaded = load(bomb);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("too many values"));
  EXPECT_FALSE(load(std::string(5000, '[')));
  EXPECT_FALSE(load(std::string(2 << 20, 'a')));
}

TEST(HostPort, TakesWhatPatroniTakes) {
  struct Case {
    const char* text;
    const char* result;  // empty: refused
  };
  const Case cases[] = {
      {"host:1", "host:1"},
      {"10.0.0.1", "10.0.0.1:9"},
      {"[::1]:5", "[::1]:5"},
      {"::1", "[::1]:9"},
      {"[::1]", "[::1]:9"},
      {" host:1 ", "host:1"},
      {"", ""},
      {":5", ""},
      {"host:", ""},
      {"host:0", ""},
      {"host:65536", ""},
      {"host:-1", ""},
      {"host:5x", ""},
      {"http://h:5", ""},
      {"a b", ""},
      {"u@h:5", ""},
  };
  for (const auto& c : cases) {
    const auto address = parse_host_port(c.text, 9);
    EXPECT_EQ(address ? to_string(*address) : "", c.result) << c.text;
  }
  EXPECT_FALSE(parse_host_port("host", std::nullopt));
}

TEST(HostPort, ListensOnSeveral) {
  const auto several = parse_listen("127.0.0.1, [fe80::1] ,::1:5400", 9);
  ASSERT_TRUE(several) << several.error().message;
  ASSERT_EQ(several->size(), 3U);
  for (const auto& address : *several) EXPECT_EQ(address.port, 5400);
  EXPECT_EQ((*several)[1].host, "fe80::1");
  EXPECT_EQ((*several)[2].host, "::1");
}

std::string yaml_as_json(std::string_view text) {
  const auto node = parse_yaml(text, "f");
  return node ? to_json_text(to_json(*node), JsonLayout::compact) : node.error().message;
}

TEST(Yaml, ScalarsAreTypedLikePyYaml) {
  struct Case {
    const char *yaml, *json;
  };
  const Case cases[] = {
      {"5", "5"},
      {"'5'", "\"5\""},
      {"-5", "-5"},
      {"+5", "5"},
      {"0x1F", "31"},
      {"010", "8"},
      {"0b11", "3"},
      {"1_000", "1000"},
      {"1.5", "1.5"},
      {"1e3", "\"1e3\""},
      {"1.0e+3", "1000.0"},
      {"on", "true"},
      {"Off", "false"},
      {"yes", "true"},
      {"'yes'", "\"yes\""},
      {"~", "null"},
      {"null", "null"},
      {"1.2.3", "\"1.2.3\""},
      {"08", "\"08\""},
      {"2026-11-23", "\"2026-11-23\""},
      {"!!str 5", "\"5\""},
      {"- ", "[null]"},
      {"99999999999999999999", "\"99999999999999999999\""},
  };
  for (const auto& c : cases) EXPECT_EQ(yaml_as_json(c.yaml), c.json) << c.yaml;
}

}  // namespace
}  // namespace holdfast::patroni
