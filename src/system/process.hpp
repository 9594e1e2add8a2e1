// Processes: starting them, waiting for them through a pidfd, finding those of a directory.
// https://man7.org/linux/man-pages/man2/pidfd_open.2.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "net/runtime.hpp"
#include "system/files.hpp"
#include "system/os_user.hpp"

namespace holdfast::system {

// A process, held by its pidfd: it cannot be mistaken for another one that gets its number later.
class Process {
 public:
  // Absent when there is no such process, or only a zombie of it.
  static std::optional<Process> open(pid_t pid);

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  // False once it has ended, also while its parent has not noticed yet.
  bool alive() const;
  // False when it has ended already. Permission is ours: we own it or are root.
  bool signal(int number) const;
  // Returns when it has ended. Reaps it if it is our child, so that its number becomes free.
  base::Task<void> ended(net::Runtime& runtime) const;
  // If it is our child and has ended. A zombie's number counts as taken, for a starting postmaster too.
  void reap() const;
  // When it was started, in clock ticks since boot; with the pid this names a process for good. 0 if it has
  // ended.
  std::uint64_t start_ticks() const;

 private:
  friend base::Result<Process> start_process(const struct Command&, struct Streams);
  Process(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = 0;
  Fd pidfd_;
};

struct Command {
  std::vector<std::string> argv;         // argv[0] is an absolute path
  std::vector<std::string> environment;  // all of it: "NAME=value"
  std::optional<OsUser> run_as;          // only when we are root
  std::string directory;                 // to start in; empty: ours
};

struct Streams {
  int output = -1;  // descriptors of ours; -1: /dev/null
  int errors = -1;
};

// Starts the program as leader of a session and process group of its own; it outlives us unless somebody ends
// it. Its signals are at their defaults, its umask is 077, it inherits no descriptor but the streams.
// invalid: the program does not exist; failed: the system refused; the message names the program.
base::Result<Process> start_process(const Command& command, Streams streams);

// Processes whose working directory is `directory` and whose executable is called `executable`: every process
// of a PostgreSQL server changes into its data directory. A stopped or killed parent does not hide them.
// Reads all of /proc, which takes milliseconds and more on large machines.
std::vector<pid_t> processes_in(const std::string& directory, const std::string& executable);

// Does process `pid` have that working directory and executable?
bool is_process_in(pid_t pid, const std::string& directory, const std::string& executable);

}  // namespace holdfast::system
