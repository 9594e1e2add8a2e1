#include "main/takeover_host.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <set>
#include <sstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patroni/json_text.hpp"
#include "pg/postmaster_file.hpp"
#include "system/files.hpp"
#include "system/process.hpp"
#include "system/program.hpp"

namespace holdfast {
namespace {

namespace json = boost::json;
using base::ErrorKind;
using base::Result;
using ctl::AgentProcess;

// /proc/PID/NAME, whole; empty when it cannot be read.
std::string proc_file(pid_t pid, std::string_view name) {
  return system::read_file(fmt::format("/proc/{}/{}", pid, name)).value_or("");
}

std::string link_target(const std::string& path) {
  std::error_code failed;
  const auto target = std::filesystem::read_symlink(path, failed);
  return failed ? std::string() : target.string();
}

// Of argv and environ: texts that each end in a zero byte.
std::vector<std::string> zero_ended(const std::string& text) {
  std::vector<std::string> out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\0'), rest.size());
    out.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

// The sockets that listen at a port, by inode. https://docs.kernel.org/networking/proc_net_tcp.html
std::set<std::string> listening_sockets(std::uint16_t port) {
  constexpr std::string_view kListening = "0A";
  const auto wanted = fmt::format(":{:04X}", port);
  std::set<std::string> inodes;
  for (const auto* path : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::istringstream lines(system::read_file(path).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string slot, local, remote, state, queues, timer, retries, uid, timeout, inode;
      words >> slot >> local >> remote >> state >> queues >> timer >> retries >> uid >> timeout >> inode;
      if (local.ends_with(wanted) && state == kListening) inodes.insert(inode);
    }
  }
  return inodes;
}

bool has_socket(pid_t pid, const std::set<std::string>& inodes) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), failed)) {
    const auto target = link_target(entry.path().string());
    if (target.starts_with("socket:[") && inodes.contains(target.substr(8, target.size() - 9))) return true;
  }
  return false;
}

// "0::/system.slice/patroni.service" is patroni.service. A session's or container's scope is none of ours.
std::string unit_of(pid_t pid) {
  auto text = proc_file(pid, "cgroup");
  while (text.ends_with('\n')) text.pop_back();
  const auto name = text.substr(text.rfind('/') + 1);
  const bool is_service = text.contains("/system.slice/") && name.ends_with(".service");
  return is_service ? name : std::string();
}

// What a program prints, without the last newline; empty when it cannot be run.
std::string output_of(const std::string& command) {
  std::string out;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "re"), pclose);
  char buffer[256];
  while (pipe && fgets(buffer, sizeof(buffer), pipe.get())) out += buffer;
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

// https://www.freedesktop.org/software/systemd/man/latest/systemd.kill.html
bool ends_children(const std::string& unit) {
  if (unit.empty()) return false;
  const auto mode = output_of(fmt::format("/usr/bin/systemctl show -p KillMode --value '{}'", unit));
  return mode != "process" && mode != "none";
}

uid_t owner_of(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 ? info.st_uid : static_cast<uid_t>(-1);
}

AgentProcess describe(pid_t pid) {
  const auto folder = fmt::format("/proc/{}", pid);
  const auto output = link_target(folder + "/fd/1");
  const auto unit = unit_of(pid);
  return {.pid = pid,
          .argv = zero_ended(proc_file(pid, "cmdline")),
          .environment = zero_ended(proc_file(pid, "environ")),
          .directory = link_target(folder + "/cwd"),
          .log = output.starts_with('/') && std::filesystem::is_regular_file(output) ? output : std::string(),
          .unit = unit,
          .unit_ends_children = ends_children(unit),
          .uid = owner_of(folder)};
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  for (const auto& name : system::names_in("/proc").value_or(std::vector<std::string>())) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size()) pids.push_back(pid);
  }
  std::ranges::sort(pids);
  return pids;
}

// argv[0] as an absolute path, found in the PATH of its environment if need be.
std::string program_path(const AgentProcess& agent) {
  const auto& name = agent.argv.front();
  if (name.starts_with('/')) return name;
  if (name.contains('/')) return agent.directory + "/" + name;
  std::string path = "/usr/local/bin:/usr/bin:/bin";
  for (const auto& variable : agent.environment)
    if (variable.starts_with("PATH=")) path = variable.substr(5);
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const auto full = folder + "/" + name; access(full.c_str(), X_OK) == 0) return full;
  return name;
}

Result<void> systemctl(const std::string& verb, const std::string& unit) {
  const auto command = fmt::format("/usr/bin/systemctl {} '{}'", verb, unit);
  if (const int status = std::system(command.c_str()); status != 0)
    return base::fail(ErrorKind::failed, "{} ended with {}", command, WEXITSTATUS(status));
  return {};
}

json::array as_json(const std::vector<std::string>& texts) {
  json::array out;
  for (const auto& text : texts) out.emplace_back(text);
  return out;
}

std::vector<std::string> texts_at(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  if (const auto* list = object.if_contains(key); list && list->is_array())
    for (const auto& item : list->get_array()) out.push_back(patroni::scalar_text(item).value_or(""));
  return out;
}

}  // namespace

Result<std::optional<AgentProcess>> LocalTakeoverHost::agent_at(std::uint16_t port) {
  const auto inodes = listening_sockets(port);
  if (inodes.empty()) return std::nullopt;
  for (const auto pid : all_processes())  // the parent before its children
    if (has_socket(pid, inodes)) return describe(pid);
  return base::fail(
      ErrorKind::refused,
      "somebody listens at port {}, but not as this user: run this as root or as the agent's user", port);
}

std::optional<ctl::PostmasterProcess> LocalTakeoverHost::postmaster_of(const std::string& data_dir) {
  const auto text = system::read_file(data_dir + "/postmaster.pid");
  const auto file = text ? pg::parse_postmaster_file(*text) : std::nullopt;
  if (!file || file->pid <= 0 || !system::is_process_in(file->pid, data_dir, "postgres")) return std::nullopt;
  const auto process = system::Process::open(file->pid);
  if (!process) return std::nullopt;
  auto version = system::read_file(data_dir + "/PG_VERSION").value_or("");
  while (version.ends_with('\n')) version.pop_back();
  return ctl::PostmasterProcess{file->pid, process->start_ticks(),
                                owner_of(fmt::format("/proc/{}", file->pid)), version};
}

base::Task<Result<void>> LocalTakeoverHost::stop(AgentProcess agent, base::Instant deadline) {
  const auto process = system::Process::open(agent.pid);
  if (!process) co_return Result<void>();
  if (!agent.unit.empty()) {
    if (const auto stopped = systemctl("stop", agent.unit); !stopped) co_return stopped;
  } else if (!process->signal(SIGTERM) && process->alive()) {
    co_return base::fail(ErrorKind::refused, "process {} may not be signalled by this user", agent.pid);
  }
  auto ended = [](const system::Process& who, net::Runtime& runtime) -> base::Task<bool> {
    co_await who.ended(runtime);
    co_return true;
  };
  if (co_await ports::until(runtime_.clock(), deadline, ended(*process, runtime_))) co_return Result<void>();
  co_return base::fail(ErrorKind::timed_out, "process {} has not ended after SIGTERM", agent.pid);
}

Result<void> LocalTakeoverHost::start(const AgentProcess& agent) {
  if (!agent.unit.empty()) return systemctl("start", agent.unit);
  if (agent.argv.empty()) return base::fail(ErrorKind::invalid, "it is not known how to start the agent");
  system::Command command{
      .argv = agent.argv, .environment = agent.environment, .run_as = {}, .directory = agent.directory};
  command.argv.front() = program_path(agent);
  if (geteuid() == 0 && agent.uid != 0) {
    auto user = system::os_user_with_id(agent.uid);
    if (!user) return std::unexpected(user.error());
    command.run_as = std::move(*user);
  }
  const system::Fd log(
      agent.log.empty() ? -1 : open(agent.log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (log && command.run_as && fchown(log.get(), command.run_as->uid, command.run_as->gid) != 0)
    return base::fail(ErrorKind::failed, "{} cannot be given to its user", agent.log);
  const auto started = system::start_process(command, {log.get(), log.get()});
  if (!started) return std::unexpected(started.error());
  return {};
}

AgentProcess LocalTakeoverHost::ours_instead_of(const AgentProcess& former) {
  auto ours = former;
  ours.pid = 0;
  ours.unit = former.unit.empty() ? std::string() : our_unit_;
  ours.argv = {link_target("/proc/self/exe"), "agent", config_file_};
  if (ours.log.empty()) ours.log = system::parent_of(data_dir_) + "/holdfast-agent.log";
  return ours;
}

// Beside the data directory: it stays with the node, and PostgreSQL's own files are left alone.
std::string LocalTakeoverHost::record_path() const { return data_dir_ + ".takeover.json"; }

Result<void> LocalTakeoverHost::keep_record(const AgentProcess& patroni) {
  const json::object record{{"argv", as_json(patroni.argv)},  {"environment", as_json(patroni.environment)},
                            {"directory", patroni.directory}, {"log", patroni.log},
                            {"unit", patroni.unit},           {"uid", patroni.uid}};
  return system::write_file(record_path(), patroni::to_json_text(record, patroni::JsonLayout::compact) + "\n",
                            {geteuid(), getegid()}, 0600);
}

Result<AgentProcess> LocalTakeoverHost::read_record() {
  const auto text = system::read_file(record_path());
  if (!text)
    return base::fail(
        ErrorKind::invalid,
        "{}: how Patroni was started here is not known (no takeover of this node was done): stop our "
        "agent while the cluster is paused, and start Patroni by hand",
        text.error().message);
  const auto record = patroni::parse_json_object(*text);
  if (!record) return base::in(record_path(), record.error());
  const auto text_at = [&](std::string_view key) {
    const auto* value = record->if_contains(key);
    return value ? patroni::scalar_text(*value).value_or("") : std::string();
  };
  const auto* uid = record->if_contains("uid");
  return AgentProcess{.argv = texts_at(*record, "argv"),
                      .environment = texts_at(*record, "environment"),
                      .directory = text_at("directory"),
                      .log = text_at("log"),
                      .unit = text_at("unit"),
                      .uid = static_cast<uid_t>(uid ? patroni::integer_of(*uid).value_or(0) : 0)};
}

}  // namespace holdfast
