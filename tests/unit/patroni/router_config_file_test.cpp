#include "patroni/router_config_file.hpp"

#include <gmock/gmock.h>

namespace holdfast::patroni {
namespace {

using namespace std::chrono_literals;
using routing::Endpoint;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kSmall = "scope: main\netcd3: {host: 10.0.0.1:2379}\n";

base::Result<LoadedRouterFile> load(std::string_view more) {
  return load_router_config(std::string(kSmall).append(more), "router.yml");
}

std::string error_of(std::string_view more) {
  const auto loaded = load(more);
  return loaded ? "no error" : loaded.error().message;
}

TEST(RouterConfigFile, HasADefaultForAllButScopeAndEtcd) {
  const auto loaded = load("");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->warnings, IsEmpty());
  const auto& config = loaded->config;
  EXPECT_EQ(config.scope, "main");
  EXPECT_EQ(config.dcs_namespace, "/service/");
  ASSERT_EQ(config.etcd.hosts.size(), 1);
  EXPECT_EQ(config.router.read_write, (Endpoint{"127.0.0.1", 5000}));
  EXPECT_EQ(config.router.read_only, (Endpoint{"127.0.0.1", 5001}));
  EXPECT_EQ(config.router.dashboard, (Endpoint{"127.0.0.1", 7000}));
  EXPECT_EQ(config.router.api, (Endpoint{"127.0.0.1", 8080}));
  EXPECT_FALSE(config.router.read_only_fallback);
  EXPECT_EQ(config.router.hold_timeout, 30s);
}

TEST(RouterConfigFile, ReadsEveryKey) {
  const auto loaded = load(R"(namespace: db
log: {level: DEBUG}
router:
  read_write: "*:6000"
  read_only: "[::1]:6001"
  dashboard: 0.0.0.0:7001
  api: router.example:8081
  read_only_fallback: true
  hold_timeout: 12.5
  connect_timeout: 1
  login_timeout: 7
  drain_timeout: 0
  maxconn: 10
  max_held: 0
  threads: 3
)");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->warnings, IsEmpty());
  const auto& router = loaded->config.router;
  EXPECT_EQ(loaded->config.dcs_namespace, "/db/");
  EXPECT_EQ(loaded->config.log.level, "DEBUG");
  EXPECT_EQ(router.read_write, (Endpoint{"*", 6000}));
  EXPECT_EQ(router.read_only, (Endpoint{"::1", 6001}));
  EXPECT_EQ(router.dashboard, (Endpoint{"0.0.0.0", 7001}));
  EXPECT_EQ(router.api, (Endpoint{"router.example", 8081}));
  EXPECT_TRUE(router.read_only_fallback);
  EXPECT_EQ(router.hold_timeout, 12500ms);
  EXPECT_EQ(router.connect_timeout, 1s);
  EXPECT_EQ(router.login_timeout, 7s);
  EXPECT_EQ(router.drain_timeout, 0s);
  EXPECT_EQ(router.maxconn, 10);
  EXPECT_EQ(router.max_held, 0);
  EXPECT_EQ(router.threads, 3);
}

TEST(RouterConfigFile, NamesTheKeyThatWasProbablyMeant) {
  const auto loaded = load("router: {hold_timout: 3}\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->warnings,
              ElementsAre(testing::AllOf(HasSubstr("router.hold_timout"), HasSubstr("hold_timeout"))));
}

TEST(RouterConfigFile, RefusesWhatItCannotUse) {
  struct Case {
    const char* more;
    const char* says;
  };
  const Case cases[] = {
      {"router: {read_write: 127.0.0.1}\n", "router.read_write"},
      {"router: {read_write: 127.0.0.1:99999}\n", "router.read_write"},
      {"router: {hold_timeout: soon}\n", "a number of seconds from 0 to 604800"},
      {"router: {hold_timeout: -1}\n", "a number of seconds"},
      {"router: {hold_timeout: nan}\n", "a number of seconds"},
      {"router: {connect_timeout: 0}\n", "a number of seconds from 0.01"},
      {"router: {maxconn: 0}\n", "a number from 1"},
      {"router: {read_only_fallback: perhaps}\n", "router.read_only_fallback"},
      {"router: {read_only: \"127.0.0.1:5000\"}\n", "the same address as read_write: 127.0.0.1:5000"},
      {"router: [1]\n", "router"},
  };
  for (const auto& each : cases) EXPECT_THAT(error_of(each.more), HasSubstr(each.says)) << each.more;
  EXPECT_THAT(load_router_config("router: {}\n", "router.yml").error().message, HasSubstr("scope"));
  EXPECT_THAT(load_router_config("scope: a\n", "router.yml").error().message, HasSubstr("etcd3"));
  EXPECT_THAT(load_router_config("scope: [", "router.yml").error().message, HasSubstr("router.yml"));
}

TEST(RouterConfigFile, ReportsAllErrorsAtOnce) {
  const auto text = error_of("router: {maxconn: none, hold_timeout: none}\n");
  EXPECT_THAT(text, HasSubstr("router.maxconn"));
  EXPECT_THAT(text, HasSubstr("router.hold_timeout"));
}

}  // namespace
}  // namespace holdfast::patroni
