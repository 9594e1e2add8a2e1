#include "system/init_process.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

#include "telemetry/log.hpp"

namespace holdfast::system {
namespace {

// As shells report it.
int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

[[noreturn]] void serve_as_process_one(pid_t child, const sigset_t& signals) {
  for (;;) {
    const int number = sigwaitinfo(&signals, nullptr);
    if (number > 0 && number != SIGCHLD) kill(child, number);
    int status = 0;
    for (pid_t ended = 0; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
      if (ended == child) _exit(exit_code(status));
  }
}

}  // namespace

void leave_process_one() {
  if (getpid() != 1) return;
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = fork();
  if (child > 0) serve_as_process_one(child, all);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (child < 0)
    telemetry::warning("going on as process 1, with nobody to bury orphans: {}", std::strerror(errno));
}

}  // namespace holdfast::system
