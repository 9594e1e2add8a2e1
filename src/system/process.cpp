#include "system/process.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <memory>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/descriptor.hpp"

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36's forgets to say that it is C
}

namespace holdfast::system {
namespace {

using base::ErrorKind;

// Fields of /proc/PID/stat from the third on: those before may hold any character.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
std::string stat_after_name(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!text) return {};
  const auto end_of_name = text->rfind(')');
  return end_of_name == std::string::npos || end_of_name + 2 > text->size() ? ""
                                                                            : text->substr(end_of_name + 2);
}

bool is_zombie(pid_t pid) {
  const auto rest = stat_after_name(pid);
  return rest.starts_with('Z') || rest.starts_with('X');
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const auto& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

// All that the child needs, made before the fork: after it, only system calls are safe.
struct Launch {
  std::vector<char*> argv, environment;
  const char* directory = nullptr;
  const OsUser* run_as = nullptr;
  int output = -1, errors = -1;
  int report = -1;  // gets errno when the program could not be started
};

[[noreturn]] void give_up(const Launch& launch) {
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(launch.report, &error, sizeof error);
  _exit(127);
}

void reset_signals() {
  struct sigaction defaults{};
  defaults.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &defaults, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Raw system calls: glibc's wrappers talk to other threads, which do not exist here.
bool become(const OsUser& user) {
  return syscall(SYS_setgroups, user.groups.size(), user.groups.data()) == 0 &&
         syscall(SYS_setresgid, user.gid, user.gid, user.gid) == 0 &&
         syscall(SYS_setresuid, user.uid, user.uid, user.uid) == 0;
}

[[noreturn]] void run_child(const Launch& launch) {
  reset_signals();
  setsid();
  umask(077);
  const int null = ::open("/dev/null", O_RDWR);
  if (dup2(null, STDIN_FILENO) < 0) give_up(launch);
  if (dup2(launch.output < 0 ? null : launch.output, STDOUT_FILENO) < 0) give_up(launch);
  if (dup2(launch.errors < 0 ? null : launch.errors, STDERR_FILENO) < 0) give_up(launch);
  syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  if (launch.run_as != nullptr && !become(*launch.run_as)) give_up(launch);
  if (launch.directory != nullptr && chdir(launch.directory) != 0) give_up(launch);
  execve(launch.argv.front(), launch.argv.data(), launch.environment.data());
  give_up(launch);
}

// A signal that came between fork and exec would run our handlers in the child, which share pipes with ours.
pid_t fork_without_signals(const Launch& launch) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) run_child(launch);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pid;
}

bool ends_with_name(std::string_view path, std::string_view name) {
  if (path.ends_with(" (deleted)")) path.remove_suffix(10);  // replaced by a package upgrade
  return path.ends_with(name) && path.size() > name.size() && path[path.size() - name.size() - 1] == '/';
}

struct DirectoryId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const DirectoryId&) const = default;
};

std::optional<DirectoryId> directory_id(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return std::nullopt;
  return DirectoryId{found.st_dev, found.st_ino};
}

bool matches(pid_t pid, DirectoryId directory, const std::string& executable) {
  const auto proc = "/proc/" + std::to_string(pid);
  char target[4096];
  const auto length = readlink((proc + "/exe").c_str(), target, sizeof target);
  if (length <= 0 || !ends_with_name({target, static_cast<std::size_t>(length)}, executable)) return false;
  return directory_id(proc + "/cwd") == directory;
}

}  // namespace

std::optional<Process> Process::open(pid_t pid) {
  Fd pidfd(pidfd_open(pid, 0));
  if (!pidfd || is_zombie(pid)) return std::nullopt;
  Process process(pid, std::move(pidfd));
  if (!process.alive()) return std::nullopt;
  return process;
}

bool Process::alive() const {
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  return poll(&ended, 1, 0) == 0;
}

bool Process::signal(int number) const { return pidfd_send_signal(pidfd_.get(), number, nullptr, 0) == 0; }

base::Task<void> Process::ended(net::Runtime& runtime) const {
  net::Descriptor watch(runtime, pidfd_.get());
  while (alive()) co_await watch.readable();
  reap();
}

void Process::reap() const {
  siginfo_t ignored{};
  waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &ignored, WEXITED | WNOHANG);
}

std::uint64_t Process::start_ticks() const {
  const auto rest = stat_after_name(pid_);
  std::size_t at = 0;
  for (int field = 3; field < 22; ++field) at = rest.find(' ', at) + 1;  // the 22nd is the start time
  std::uint64_t ticks = 0;
  if (at > 0) std::from_chars(rest.data() + at, rest.data() + rest.size(), ticks);
  return alive() ? ticks : 0;
}

base::Result<Process> start_process(const Command& command, Streams streams) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return base::fail(ErrorKind::failed, "pipe: {}", std::strerror(errno));
  const Fd reading(report[0]);
  Fd writing(report[1]);
  Launch launch{.argv = pointers(command.argv), .environment = pointers(command.environment)};
  if (!command.directory.empty()) launch.directory = command.directory.c_str();
  if (command.run_as && geteuid() == 0) launch.run_as = &*command.run_as;
  launch.output = streams.output, launch.errors = streams.errors, launch.report = writing.get();

  const pid_t pid = fork_without_signals(launch);
  if (pid < 0)
    return base::fail(ErrorKind::failed, "cannot start {}: {}", command.argv.front(), std::strerror(errno));
  writing.reset();
  Process process(pid, Fd(pidfd_open(pid, 0)));
  int error = 0;
  ssize_t got = 0;
  do got = ::read(reading.get(), &error, sizeof error);  // ends with the child's exec
  while (got < 0 && errno == EINTR);
  if (got <= 0) return process;
  waitpid(pid, nullptr, 0);
  return base::fail(error == ENOENT ? ErrorKind::invalid : ErrorKind::failed, "cannot start {}: {}",
                    command.argv.front(), std::strerror(error));
}

std::vector<pid_t> processes_in(const std::string& directory, const std::string& executable) {
  std::vector<pid_t> found;
  const auto wanted = directory_id(directory);
  if (!wanted) return found;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (!proc) return found;
  while (const dirent* entry = readdir(proc.get())) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || end != name.data() + name.size()) continue;
    if (matches(pid, *wanted, executable)) found.push_back(pid);
  }
  return found;
}

bool is_process_in(pid_t pid, const std::string& directory, const std::string& executable) {
  const auto wanted = directory_id(directory);
  return wanted && matches(pid, *wanted, executable);
}

}  // namespace holdfast::system
