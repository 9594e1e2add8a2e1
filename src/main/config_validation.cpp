#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "ctl/yaml_text.hpp"
#include "main/config_commands.hpp"
#include "main/node_files.hpp"
#include "net/runtime.hpp"
#include "patroni/host_port.hpp"
#include "postgres/data_directory.hpp"
#include "postgres/installation.hpp"

namespace holdfast {
namespace {

using patroni::HostPort;

// What getaddrinfo() found, given back with its owner.
class Addresses {
 public:
  Addresses(const HostPort& address, bool to_listen) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = to_listen ? AI_PASSIVE : 0;
    const bool any = address.host == "*";
    problem_ = getaddrinfo(any ? nullptr : address.host.c_str(), std::to_string(address.port).c_str(), &hints,
                           &first_);
  }
  Addresses(const Addresses&) = delete;
  Addresses& operator=(const Addresses&) = delete;
  ~Addresses() {
    if (first_) freeaddrinfo(first_);
  }

  const char* problem() const { return problem_ == 0 ? nullptr : gai_strerror(problem_); }
  const addrinfo* first() const { return first_; }

 private:
  addrinfo* first_ = nullptr;
  int problem_ = 0;
};

// Why nobody can listen there; empty: one can.
std::string listen_problem(const HostPort& address) {
  const Addresses found(address, true);
  if (found.problem()) return fmt::format("{} cannot be looked up: {}", address.host, found.problem());
  for (const auto* entry = found.first(); entry; entry = entry->ai_next) {
    const int fd = socket(entry->ai_family, entry->ai_socktype | SOCK_CLOEXEC, entry->ai_protocol);
    if (fd < 0) continue;
    const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool bound = bind(fd, entry->ai_addr, entry->ai_addrlen) == 0;
    const int error = errno;
    close(fd);
    if (!bound)
      return fmt::format("cannot listen on {}: {}", patroni::to_string(address), std::strerror(error));
  }
  return {};
}

class Findings {
 public:
  void add(std::string_view key, std::string_view text) {
    fmt::print(stderr, "{}: {}\n", key, text);
    ++count_;
  }
  bool any() const { return count_ > 0; }

 private:
  int count_ = 0;
};

void check_listen(Findings& findings, std::string_view key, const std::vector<HostPort>& addresses) {
  for (const auto& address : addresses)
    if (const auto problem = listen_problem(address); !problem.empty())
      findings.add(key, problem + "; --ignore-listen-port accepts that");
}

void check_names(Findings& findings, const patroni::NodeConfig& config) {
  for (const auto& host : config.etcd.hosts) {
    const Addresses found(host, false);
    if (found.problem())
      findings.add("etcd3.hosts", fmt::format("{} cannot be looked up: {}", host.host, found.problem()));
  }
}

// Programs and data of PostgreSQL, as the agent would find them.
void check_postgresql(Findings& findings, const patroni::PostgresConfig& config) {
  net::Runtime runtime;
  const auto installation = runtime.run_task(postgres::Installation::find(runtime, config));
  if (!installation) return findings.add("postgresql", installation.error().message);
  const auto found = postgres::DataDirectory(config.data_dir, installation->owner()).look();
  if (!found.problem.empty()) findings.add("postgresql.data_dir", found.problem);
}

void check_files(Findings& findings, const patroni::NodeConfig& config) {
  const auto readable = [&](std::string_view key, const std::string& path) {
    if (!path.empty() && access(path.c_str(), R_OK) != 0)
      findings.add(key, fmt::format("{} cannot be read: {}", path, std::strerror(errno)));
  };
  readable("restapi.certfile", config.restapi.certfile);
  readable("restapi.keyfile", config.restapi.keyfile);
  readable("restapi.cafile", config.restapi.cafile);
  readable("ctl.cacert", config.ctl.files.cacert);
  readable("ctl.certfile", config.ctl.files.cert);
  readable("ctl.keyfile", config.ctl.files.key);
  readable("etcd3.cacert", config.etcd.files.cacert);
  readable("etcd3.cert", config.etcd.files.cert);
  readable("etcd3.key", config.etcd.files.key);
}

// What generated files leave to a person.
void check_filled_in(Findings& findings, const std::string& path, const boost::json::value& value) {
  if (const auto* object = value.if_object())
    for (const auto& [key, below] : *object)
      check_filled_in(findings, path + (path.empty() ? "" : ".") + std::string(key), below);
  if (const auto* list = value.if_array())
    for (const auto& item : *list) check_filled_in(findings, path, item);
  if (const auto* text = value.if_string(); text && *text == kFillIn)
    findings.add(path, fmt::format("still says {}", kFillIn));
}

}  // namespace

int validate_config(const std::string& path, const ValidateOptions& options) {
  const auto loaded = load_node_config(path);
  if (!loaded) {
    fmt::print(stderr, "{}\n", loaded.error().message);
    return 1;
  }
  for (const auto& warning : loaded->warnings) fmt::print(stderr, "{}\n", warning);
  const auto& config = loaded->config;
  Findings findings;
  check_filled_in(findings, "", loaded->tree);
  check_files(findings, config);
  check_names(findings, config);
  check_postgresql(findings, config.postgresql);
  if (!options.ignore_listen_port) {
    check_listen(findings, "restapi.listen", config.restapi.listen);
    std::vector<HostPort> listen;
    for (const auto& host : config.postgresql.listen_addresses)
      listen.push_back({host, config.postgresql.port});
    check_listen(findings, "postgresql.listen", listen);
  }
  if (options.print) fmt::print("{}", ctl::to_yaml(loaded->tree));
  return findings.any() ? 1 : 0;
}

}  // namespace holdfast
