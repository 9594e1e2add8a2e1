#include "adapters/etcd_cluster.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kPatience = 30s;

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd, generic, size) != 0 || getsockname(fd, generic, &size) != 0)
    throw std::runtime_error("no free port");
  close(fd);
  return ntohs(address.sin_port);
}

// The child dies with this process, however that ends.
pid_t start_program(const std::vector<std::string>& command, const fs::path& log) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const auto parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child > 0) {
    close(output);
    return child;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(arguments[0], arguments.data());
  _exit(127);
}

template <class Condition>
bool wait_for(Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

}  // namespace

EtcdCluster::EtcdCluster(EtcdOptions options) : options_(std::move(options)) {
  if (options_.tls != nullptr) {
    certificate_ = options_.tls->issue("etcd", {"IP:127.0.0.1", "DNS:localhost"});
    client_certificate_ = options_.tls->issue("etcdctl", {});
  }
  start_all();
}

// Another process may take a port between our choosing it and etcd's; then all begins anew.
void EtcdCluster::start_all() {
  for (int attempt = 0; attempt < 5; ++attempt) {
    members_.clear();
    for (int i = 0; i < options_.members; ++i) {
      const auto name = fmt::format("m{}", i);
      members_.push_back(
          {name, directory_.path() / fmt::format("{}.{}", name, attempt), free_port(), free_port()});
    }
    for (auto& member : members_) launch(member, initial_cluster());
    const bool settled = wait_for([&] {
      for (auto& member : members_)
        if (has_ended(member)) return true;
      return std::ranges::all_of(members_, [&](const auto& member) { return serves(member); });
    });
    const bool all_run = std::ranges::none_of(members_, [&](auto& member) { return has_ended(member); });
    if (settled && all_run) return;
    for (auto& member : members_) end(member, SIGKILL);
  }
  throw std::runtime_error(fmt::format("etcd does not start; see {}", directory_.path().string()));
}

EtcdCluster::~EtcdCluster() {
  for (auto& member : members_) end(member, SIGKILL);
  for (auto& copy : copies_) end(*copy, SIGKILL);
}

std::string EtcdCluster::url(const Member& member) const {
  return fmt::format("{}://127.0.0.1:{}", options_.tls != nullptr ? "https" : "http", member.client_port);
}

std::string EtcdCluster::initial_cluster() const {
  std::string text;
  for (const auto& member : members_)
    text += fmt::format("{}{}=http://127.0.0.1:{}", text.empty() ? "" : ",", member.name, member.peer_port);
  return text;
}

void EtcdCluster::launch(Member& member, const std::string& initial) {
  const auto peer = fmt::format("http://127.0.0.1:{}", member.peer_port);
  std::vector<std::string> command{"/usr/bin/etcd",
                                   "--name=" + member.name,
                                   "--data-dir=" + member.data.string(),
                                   "--listen-client-urls=" + url(member),
                                   "--advertise-client-urls=" + url(member),
                                   "--listen-peer-urls=" + peer,
                                   "--initial-advertise-peer-urls=" + peer,
                                   "--initial-cluster=" + initial,
                                   "--initial-cluster-token=" + directory_.path().filename().string(),
                                   "--heartbeat-interval=20",
                                   "--election-timeout=200",
                                   "--logger=zap"};
  if (options_.tls != nullptr) {
    command.insert(command.end(),
                   {"--cert-file=" + certificate_.certificate, "--key-file=" + certificate_.key});
    if (options_.client_certificates)
      command.insert(command.end(), {"--client-cert-auth", "--trusted-ca-file=" + options_.tls->file()});
  }
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  member.pid = start_program(command, directory_.path() / (member.name + ".log"));
}

bool EtcdCluster::has_ended(Member& member) {
  if (member.pid == 0) return true;
  if (waitpid(member.pid, nullptr, WNOHANG) != member.pid) return false;
  member.pid = 0;
  return true;
}

void EtcdCluster::end(Member& member, int signal) {
  if (member.pid == 0) return;
  ::kill(member.pid, signal);
  if (member.frozen) ::kill(member.pid, SIGCONT);
  member.frozen = false;
  waitpid(member.pid, nullptr, 0);
  member.pid = 0;
}

void EtcdCluster::stop(int member) { end(members_.at(static_cast<std::size_t>(member)), SIGTERM); }
void EtcdCluster::kill(int member) { end(members_.at(static_cast<std::size_t>(member)), SIGKILL); }

void EtcdCluster::freeze(int member) {
  auto& frozen = members_.at(static_cast<std::size_t>(member));
  ::kill(frozen.pid, SIGSTOP);
  waitpid(frozen.pid, nullptr, WUNTRACED);  // now it has really stopped
  frozen.frozen = true;
}

void EtcdCluster::thaw(int member) {
  auto& frozen = members_.at(static_cast<std::size_t>(member));
  ::kill(frozen.pid, SIGCONT);
  frozen.frozen = false;
}

void EtcdCluster::start(int member) {
  launch(members_.at(static_cast<std::size_t>(member)), initial_cluster());
}

void EtcdCluster::wait_until_serving() {
  const bool serving = wait_for([&] {
    return std::ranges::all_of(
        members_, [&](const auto& member) { return member.pid == 0 || member.frozen || serves(member); });
  });
  if (!serving) throw std::runtime_error("etcd does not serve");
}

std::uint16_t EtcdCluster::client_port(int member) const {
  return members_.at(static_cast<std::size_t>(member)).client_port;
}

pid_t EtcdCluster::pid(int member) const { return members_.at(static_cast<std::size_t>(member)).pid; }

patroni::EtcdConfig EtcdCluster::config() const {
  patroni::EtcdConfig config{.hosts = {}, .tls = options_.tls != nullptr};
  for (const auto& member : members_) config.hosts.push_back({"127.0.0.1", member.client_port});
  return config;
}

namespace {

std::vector<std::string> etcdctl(const std::string& endpoints, const CertificateAuthority* tls,
                                 const CertificateFiles& own, const std::string& root_password) {
  std::vector<std::string> command{"/usr/bin/etcdctl", "--endpoints=" + endpoints, "--command-timeout=2s"};
  if (!root_password.empty()) command.push_back("--user=root:" + root_password);
  if (tls != nullptr)
    command.insert(command.end(),
                   {"--cacert=" + tls->file(), "--cert=" + own.certificate, "--key=" + own.key});
  return command;
}

bool succeeds(std::vector<std::string> command) {
  try {
    run_program(command);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

// A linearizable read: it needs a leader.
bool EtcdCluster::serves(const Member& member) const {
  auto command = etcdctl(url(member), options_.tls, client_certificate_, root_password_);
  command.insert(command.end(), {"get", "health"});
  return succeeds(std::move(command));
}

void EtcdCluster::ctl(const std::vector<std::string>& arguments) const {
  std::string endpoints;
  for (const auto& member : members_)
    if (member.pid != 0 && !member.frozen) endpoints += (endpoints.empty() ? "" : ",") + url(member);
  auto command = etcdctl(endpoints, options_.tls, client_certificate_, root_password_);
  command.insert(command.end(), arguments.begin(), arguments.end());
  run_program(command);
}

int EtcdCluster::leader() const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].pid == 0 || members_[i].frozen) continue;
    std::string line;
    for (const auto& word : etcdctl(url(members_[i]), options_.tls, client_certificate_, root_password_))
      line += "'" + word + "' ";
    // "http://127.0.0.1:2379, 8e9e05c52164694d, 3.4.23, 20 kB, true, false, ...": it leads, it is no learner
    if (succeeds({"sh", "-c", line + "endpoint status | grep -q ', true, false,'"}))
      return static_cast<int>(i);
  }
  throw std::runtime_error("etcd has no leader");
}

void EtcdCluster::enable_authentication(const std::string& root_password) {
  ctl({"user", "add", "root:" + root_password});
  ctl({"user", "grant-role", "root", "root"});
  ctl({"auth", "enable"});
  root_password_ = root_password;
}

std::uint16_t EtcdCluster::start_copy_of(int member) {
  const auto& original = members_.at(static_cast<std::size_t>(member));
  auto& copy = *copies_.emplace_back(std::make_unique<Member>(original));
  copy.pid = 0;
  copy.data += ".copy";
  copy.client_port = free_port();
  copy.peer_port = free_port();
  fs::copy(original.data, copy.data, fs::copy_options::recursive);
  launch(copy, initial_cluster());
  if (!wait_for([&] { return has_ended(copy) || serves(copy); }) || has_ended(copy))
    throw std::runtime_error("the copy of etcd does not start");
  return copy.client_port;
}

}  // namespace holdfast::test
