// A real etcd of one or three members, on free ports of 127.0.0.1, in a directory below /tmp that goes away
// again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "adapters/certificates.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::test {

struct EtcdOptions {
  int members = 1;
  const CertificateAuthority* tls = nullptr;  // clients talk TLS, with a certificate of this authority
  bool client_certificates = false;           // and must show one of it, too
  std::vector<std::string> arguments;         // further ones for each member
};

// All calls block until they are done, for which the tests need no running event loop; they throw when etcd
// does not do as it should. Elections are fast (200 ms), so that leases may be as short as a second.
class EtcdCluster {
 public:
  explicit EtcdCluster(EtcdOptions options = {});
  ~EtcdCluster();
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;

  // How to connect to all members, in order; without credentials and TLS files.
  patroni::EtcdConfig config() const;
  std::uint16_t client_port(int member) const;
  int leader() const;  // the member that leads now
  pid_t pid(int member) const;

  void stop(int member);    // SIGTERM
  void kill(int member);    // SIGKILL
  void freeze(int member);  // SIGSTOP
  void thaw(int member);
  void start(int member);     // again, with its data; does not wait for a leader
  void wait_until_serving();  // all members that run

  // Creates user root with this password and turns authentication on.
  void enable_authentication(const std::string& root_password);
  // etcdctl with these arguments, against all members, as root if authentication is on.
  void ctl(const std::vector<std::string>& arguments) const;

  // Starts another etcd on a copy of `member`'s data, as if it came out of a backup: its port. Ends with the
  // cluster.
  std::uint16_t start_copy_of(int member);

 private:
  struct Member {
    std::string name;
    std::filesystem::path data;
    std::uint16_t client_port = 0;
    std::uint16_t peer_port = 0;
    pid_t pid = 0;
    bool frozen = false;
  };
  void start_all();
  void launch(Member& member, const std::string& initial_cluster);
  void end(Member& member, int signal);
  bool has_ended(Member& member);
  std::string url(const Member& member) const;
  std::string initial_cluster() const;
  bool serves(const Member& member) const;

  TemporaryDirectory directory_{"etcd"};
  EtcdOptions options_;
  CertificateFiles certificate_;
  CertificateFiles client_certificate_;
  std::string root_password_;
  std::vector<Member> members_;
  std::vector<std::unique_ptr<Member>> copies_;
};

}  // namespace holdfast::test
