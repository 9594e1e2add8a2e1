#include "router/database.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const std::string kBin = "/usr/lib/postgresql/15/bin/";
constexpr auto kPatience = 30s;

// PostgreSQL refuses to run as root.
const passwd* server_user() { return geteuid() == 0 ? getpwnam("postgres") : nullptr; }

void become_server_user() {
  const auto* user = server_user();
  if (user == nullptr) return;
  if (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
    _exit(126);
}

void give_to_server_user(const fs::path& path) {
  if (const auto* user = server_user();
      user != nullptr && chown(path.c_str(), user->pw_uid, user->pw_gid) != 0)
    throw std::runtime_error("chown " + path.string());
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& task : fs::directory_iterator(fmt::format("/proc/{}/task", parent))) {
    std::ifstream list(task.path() / "children");
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

bool accepts(std::uint16_t port) {
  const auto conninfo =
      fmt::format("host=127.0.0.1 port={} dbname=postgres user=postgres connect_timeout=2", port);
  return PQping(conninfo.c_str()) == PQPING_OK;
}

}  // namespace

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found = bind(fd, generic, size) == 0 && getsockname(fd, generic, &size) == 0;
  close(fd);
  if (!found) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

Database::Database(DatabaseOptions options) {
  std::string pattern = "/tmp/router-test-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = pattern;
  give_to_server_user(directory_);
  run({kBin + "initdb", "-D", directory_ / "template", "-U", "postgres", "-A", "trust", "--no-sync", "-E",
       "UTF8", "--locale=C"});
  for (int i = 0; i <= options.standbys; ++i) {
    auto& instance = *instances_.emplace_back(std::make_unique<Instance>());
    instance.name = std::string(1, static_cast<char>('a' + i));
    make(instance, options);
    start(instance.name);
  }
  if (options.scram) {
    run({"/usr/bin/psql", "-qX", "-h", "127.0.0.1", "-p", std::to_string(port("a")), "-U", "postgres", "-c",
         "create role app login password 'secret'"});
  }
}

Database::~Database() {
  for (auto& instance : instances_) end(*instance, SIGKILL);
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

// The template is a cluster that was shut down cleanly, so its copies can stream from one another.
void Database::make(Instance& instance, const DatabaseOptions& options) {
  instance.data = directory_ / instance.name;
  run({"/bin/cp", "-a", directory_ / "template", instance.data});
  instance.port = free_port();
  const bool standby = instance.name != "a";
  std::ofstream settings(instance.data / "postgresql.auto.conf");
  settings << "fsync = off\nshared_buffers = 16MB\nlisten_addresses = '127.0.0.1'\n"
           << "port = " << instance.port << "\nunix_socket_directories = ''\n"
           << "max_connections = " << options.max_connections << "\nmax_wal_senders = 10\n"
           << "dynamic_shared_memory_type = mmap\n"  // goes with the directory, also after SIGKILL
           << "logging_collector = off\nlog_min_messages = warning\n";
  if (standby) {
    settings << "primary_conninfo = 'host=127.0.0.1 port=" << port("a")
             << " user=postgres application_name=" << instance.name << "'\n";
    std::ofstream(instance.data / "standby.signal");
    give_to_server_user(instance.data / "standby.signal");
  }
  if (options.scram) {
    std::ofstream hba(instance.data / "pg_hba.conf");
    hba << "host all app 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
        << "host replication all 127.0.0.1/32 trust\n";
  }
}

Database::Instance& Database::find(std::string_view name) {
  const auto found =
      std::ranges::find(instances_, name, [](const auto& each) { return std::string_view(each->name); });
  if (found == instances_.end()) throw std::runtime_error(fmt::format("no server {}", name));
  return **found;
}

const Database::Instance& Database::find(std::string_view name) const {
  return const_cast<Database*>(this)->find(name);
}

routing::Server Database::server(std::string_view name) const {
  return {std::string(name), {"127.0.0.1", find(name).port}};
}

routing::RoutingTable Database::table(std::string_view leader, routing::Epoch epoch) const {
  auto table = table_without_leader(epoch);
  std::erase_if(table.replicas, [&](const auto& replica) { return replica.server.name == leader; });
  table.has_leader = true;
  table.leader = {server(leader), false};
  return table;
}

routing::RoutingTable Database::table_without_leader(routing::Epoch last_epoch) const {
  routing::RoutingTable table{.revision = 1, .epoch = last_epoch};
  for (const auto& instance : instances_) table.replicas.push_back({server(instance->name), true, ""});
  return table;
}

void Database::launch(std::string_view name) {
  auto& instance = find(name);
  instance.pid = spawn({kBin + "postgres", "-D", instance.data}, directory_ / (instance.name + ".log"));
}

void Database::wait_until_ready(std::string_view name) {
  const auto& instance = find(name);
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience; !accepts(instance.port);) {
    if (waitpid(instance.pid, nullptr, WNOHANG) == instance.pid ||
        std::chrono::steady_clock::now() > deadline) {
      std::ifstream log(directory_ / (instance.name + ".log"));
      throw std::runtime_error(fmt::format("server {} does not start: {}", name,
                                           std::string(std::istreambuf_iterator<char>(log), {})));
    }
    std::this_thread::sleep_for(10ms);
  }
}

void Database::start(std::string_view name) {
  launch(name);
  wait_until_ready(name);
}

void Database::promote(std::string_view name) {
  run({"/usr/bin/psql", "-qX", "-h", "127.0.0.1", "-p", std::to_string(port(name)), "-U", "postgres", "-c",
       "select pg_promote()"});
}

void Database::stop(std::string_view name) { end(find(name), SIGINT); }
void Database::kill(std::string_view name) { end(find(name), SIGKILL); }

void Database::freeze(std::string_view name) {
  ::kill(find(name).pid, SIGSTOP);
  find(name).frozen = true;
}

void Database::thaw(std::string_view name) {
  ::kill(find(name).pid, SIGCONT);
  find(name).frozen = false;
}

void Database::end(Instance& instance, int signal) {
  if (instance.pid == 0) return;
  if (instance.frozen) ::kill(instance.pid, SIGCONT);
  instance.frozen = false;
  const auto children = children_of(instance.pid);
  ::kill(instance.pid, signal);
  // PostgreSQL's backends are in process groups of their own, and would live on for a moment.
  if (signal == SIGKILL)
    for (const pid_t child : children) ::kill(child, SIGKILL);
  waitpid(instance.pid, nullptr, 0);
  instance.pid = 0;
}

pid_t Database::spawn(const std::vector<std::string>& command, const fs::path& log) const {
  std::vector<char*> argv;
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    become_server_user();
    if (chdir(directory_.c_str()) != 0) _exit(126);
    execv(argv[0], argv.data());
    _exit(127);
  }
  setpgid(pid, pid);
  return pid;
}

void Database::run(const std::vector<std::string>& command) const {
  const auto log = directory_ / "commands.log";
  int status = 0;
  waitpid(spawn(command, log), &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  std::ifstream text(log);
  throw std::runtime_error(
      fmt::format("{} failed: {}", command[0], std::string(std::istreambuf_iterator<char>(text), {})));
}

}  // namespace holdfast::test
