// Passwords, tokens and certificates.
#include <gmock/gmock.h>

#include "adapters/etcd_fixture.hpp"

namespace holdfast::test {
namespace {

using ports::Put;
using testing::HasSubstr;

class EtcdSecurity : public EtcdTest {
 protected:
  static patroni::EtcdConfig as(const EtcdCluster& cluster, std::string username, std::string password) {
    auto config = cluster.config();
    config.username = std::move(username);
    config.password = std::move(password);
    return config;
  }
  static patroni::EtcdConfig with(const EtcdCluster& cluster, patroni::TlsFiles files) {
    auto config = cluster.config();
    config.files = std::move(files);
    return config;
  }
};

TEST_F(EtcdSecurity, PasswordsAreChecked) {
  EtcdCluster cluster;
  cluster.enable_authentication("secret");
  auto right = connect(as(cluster, "root", "secret"));
  const auto written = put(*right, "/k", "1");
  ASSERT_TRUE(written) << written.error().message;

  auto wrong = connect(as(cluster, "root", "guess"));
  const auto refused = run(wrong->read("/", in(5s)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("check etcd3.username and etcd3.password"));
  EXPECT_THAT(refused.error().message, testing::Not(HasSubstr("guess")));

  auto nobody = connect(cluster.config());
  const auto anonymous = run(nobody->read("/", in(5s)));
  ASSERT_FALSE(anonymous);
  EXPECT_EQ(anonymous.error().kind, ErrorKind::refused);
  EXPECT_THAT(anonymous.error().message, HasSubstr("set etcd3.username"));

  cluster.ctl({"user", "add", "guest:guest"});
  auto guest = connect(as(cluster, "guest", "guest"));
  const auto forbidden = run(guest->read("/", in(5s)));
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().kind, ErrorKind::refused);
  EXPECT_THAT(forbidden.error().message, HasSubstr("permission denied"));
}

TEST_F(EtcdSecurity, LostTokensAreRenewed) {
  EtcdCluster cluster({.arguments = {"--auth-token-ttl=1"}});
  cluster.enable_authentication("secret");
  auto dcs = connect(as(cluster, "root", "secret"));
  const auto start = put(*dcs, "/k", "0");
  ASSERT_TRUE(start) << start.error().message;
  auto watch = dcs->watch("/", *start);
  EXPECT_EQ(next_events(*watch, 1), "k=0");
  run(clock().sleep_until(in(3s)));  // the token expires
  ASSERT_TRUE(put(*dcs, "/k", "1"));
  cluster.ctl({"user", "add", "other:other"});  // the revision of the user list, which tokens carry, grows
  ASSERT_TRUE(put(*dcs, "/k", "2"));
  cluster.kill(0);
  cluster.start(0);
  cluster.wait_until_serving();
  const auto after = put(*dcs, "/k", "3");
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(next_events(*watch, 3), "k=1 k=2 k=3");
}

TEST_F(EtcdSecurity, AWatchRenewsItsToken) {
  EtcdCluster cluster;
  cluster.enable_authentication("secret");
  const auto make_user = [&] {
    cluster.ctl({"user", "add", "app:secret"});
    cluster.ctl({"user", "grant-role", "app", "root"});
  };
  make_user();
  TcpProxy proxy(runtime_, cluster.client_port(0));
  auto config = as(cluster, "app", "secret");
  config.hosts = {{"127.0.0.1", proxy.port()}};
  auto watcher = connect(config);
  auto writer = connect(as(cluster, "root", "secret"));
  const auto start = put(*writer, "/k", "0");
  auto watch = watcher->watch("/", *start);
  EXPECT_EQ(next_events(*watch, 1), "k=0");
  cluster.ctl({"user", "delete", "app"});  // with its tokens
  make_user();
  proxy.cut();
  ASSERT_TRUE(put(*writer, "/k", "1"));
  EXPECT_EQ(next_events(*watch, 1), "k=1");
}

TEST_F(EtcdSecurity, AnotherLoginIsTaken) {
  EtcdCluster cluster;
  cluster.enable_authentication("secret");
  auto dcs = connect(as(cluster, "root", "guess"));
  EXPECT_FALSE(put(*dcs, "/k", "1"));
  ASSERT_TRUE(dcs->reload(as(cluster, "root", "secret")));
  const auto written = put(*dcs, "/k", "2");
  EXPECT_TRUE(written) << written.error().message;
  ASSERT_TRUE(dcs->reload(as(cluster, "root", "guess")));
  EXPECT_FALSE(put(*dcs, "/k", "3")) << "the token belonged to the former login";
}

// etcd's gateway does not know whom it would be: the certificate's CommonName, or the user.
TEST_F(EtcdSecurity, ACertificateWithACommonNameAndAUserExcludeEachOther) {
  CertificateAuthority ca;
  EtcdCluster cluster({.tls = &ca, .client_certificates = true});
  const auto mine = ca.issue("holdfast", {});
  cluster.enable_authentication("secret");
  auto config = as(cluster, "root", "secret");
  config.files = {ca.file(), mine.certificate, mine.key};
  auto dcs = connect(config);
  const auto refused = put(*dcs, "/k", "1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("issue etcd3.cert without one"));
}

TEST_F(EtcdSecurity, OtherCertificatesAreTaken) {
  CertificateAuthority ca;
  EtcdCluster cluster({.tls = &ca, .client_certificates = true});
  const auto mine = ca.issue("holdfast", {});
  const patroni::TlsFiles right{ca.file(), mine.certificate, mine.key};
  auto dcs = connect(with(cluster, {ca.file(), "", ""}));
  EXPECT_FALSE(put(*dcs, "/k", "1"));
  ASSERT_TRUE(dcs->reload(with(cluster, right)));
  const auto written = put(*dcs, "/k", "2");
  EXPECT_TRUE(written) << written.error().message;

  auto broken = right;
  broken.key = "/nonexistent/key";
  const auto refused = dcs->reload(with(cluster, broken));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("etcd3.key"));
  EXPECT_TRUE(put(*dcs, "/k", "3")) << "nothing was changed";
}

TEST_F(EtcdSecurity, AUsernameThatEtcdDoesNotAskForIsNoError) {
  EtcdCluster cluster;
  auto dcs = connect(as(cluster, "root", "secret"));
  EXPECT_TRUE(put(*dcs, "/k", "1"));
}

TEST_F(EtcdSecurity, ClientCertificates) {
  CertificateAuthority ca;
  CertificateAuthority stranger("stranger");
  EtcdCluster cluster({.tls = &ca, .client_certificates = true});
  const auto mine = ca.issue("holdfast", {});
  auto known = connect(with(cluster, {ca.file(), mine.certificate, mine.key}));
  const auto written = put(*known, "/k", "1");
  ASSERT_TRUE(written) << written.error().message;
  auto watch = known->watch("/", *written);
  EXPECT_EQ(next_events(*watch, 1), "k=1");

  auto without = connect(with(cluster, {ca.file(), "", ""}));
  const auto anonymous = run(without->read("/", in(5s)));
  ASSERT_FALSE(anonymous);
  EXPECT_EQ(anonymous.error().kind, ErrorKind::refused) << anonymous.error().message;
  EXPECT_THAT(anonymous.error().message, HasSubstr("bad certificate"));

  auto distrusting = connect(with(cluster, {stranger.file(), mine.certificate, mine.key}));
  const auto not_ours = run(distrusting->read("/", in(5s)));
  ASSERT_FALSE(not_ours);
  EXPECT_EQ(not_ours.error().kind, ErrorKind::refused);
  EXPECT_THAT(not_ours.error().message, HasSubstr("unable to get local issuer certificate"));

  auto plain_config = cluster.config();
  plain_config.tls = false;
  auto plain = connect(plain_config);
  const auto to_tls = run(plain->read("/", in(2s)));
  EXPECT_FALSE(to_tls);
}

TEST_F(EtcdSecurity, UnusableFilesAreNamed) {
  patroni::EtcdConfig config{.hosts = {{"127.0.0.1", 1}}, .tls = true};
  config.files.cacert = "/nonexistent/ca.crt";
  const auto no_ca = etcd::make_dcs(runtime_, config);
  ASSERT_FALSE(no_ca);
  EXPECT_EQ(no_ca.error().kind, ErrorKind::invalid);
  EXPECT_THAT(no_ca.error().message,
              HasSubstr("etcd3.cacert: cannot open /nonexistent/ca.crt: No such file"));
}

}  // namespace
}  // namespace holdfast::test
