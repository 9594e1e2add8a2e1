// Running a program to its end and listening to what it prints.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "net/runtime.hpp"
#include "system/process.hpp"

namespace holdfast::system {

enum class Stream { output, errors };
// Each line as it comes, without its end; "\r" ends a line too. Overlong lines come in pieces. Called from
// the loop; must not destroy the task that runs the program.
using OnLine = std::function<void(Stream, std::string_view line)>;

struct Ending {
  int status = 0;           // exit status; 128 + number for a signal
  std::string last_output;  // the last lines it printed, each stream at most some kilobytes
  std::string last_errors;

  bool success() const { return status == 0; }
};

// Runs `command` until it ends. An error means that it could not be started, or did not end by `deadline`
// (timed_out). Whenever the task ends before the program, by deadline or by being destroyed, the program's
// whole process group gets SIGTERM, and SIGKILL some time later if that was not enough.
base::Task<base::Result<Ending>> run_program(net::Runtime& runtime, Command command, base::Instant deadline,
                                             OnLine on_line = {});

// Removes whole trees with rm; symlinks are removed, never followed. May take minutes.
base::Task<base::Result<void>> remove_trees(net::Runtime& runtime, std::vector<std::string> paths);

// Splits a command line into words as a POSIX shell would: blanks, quotes, backslashes; nothing is expanded.
base::Result<std::vector<std::string>> shell_words(std::string_view line);

}  // namespace holdfast::system
