#include "system/program.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

#include "net/descriptor.hpp"

namespace holdfast::system {
namespace {

namespace asio = boost::asio;
using base::ErrorKind;
using namespace std::chrono_literals;

constexpr std::size_t kLongestLine = 8192;
constexpr std::size_t kKeptOutput = 8192;
constexpr auto kTermination =
    2s;                       // from SIGTERM to SIGKILL: pg_basebackup and initdb end within milliseconds
constexpr auto kDeath = 60s;  // who has not ended by then is stuck in the kernel; we stop looking

// Cuts what a pipe delivers into lines and keeps the last of them.
class LineReader {
 public:
  LineReader(net::Runtime& runtime, Fd pipe, Stream stream, const OnLine& on_line)
      : pipe_(std::move(pipe)), descriptor_(runtime, pipe_.get()), stream_(stream), on_line_(on_line) {}

  base::Task<void> read_all() {
    while (read_what_is_there()) co_await descriptor_.readable();
  }
  // After the program has ended. Does not wait for the end of file: a grandchild may keep the pipe open.
  std::string finish() {
    read_what_is_there();
    if (!line_.empty()) end_line();
    return std::move(kept_);
  }

 private:
  // False at the end of the file.
  bool read_what_is_there() {
    char chunk[8192];
    for (;;) {
      const auto got = ::read(pipe_.get(), chunk, sizeof chunk);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno == EAGAIN;
      if (got == 0) return false;
      for (const char c : std::string_view(chunk, static_cast<std::size_t>(got))) add(c);
    }
  }
  void add(char c) {
    const bool ends = c == '\n' || c == '\r';
    if (!ends) line_ += c;
    if ((ends && !line_.empty()) || line_.size() >= kLongestLine) end_line();
  }
  void end_line() {
    if (on_line_) on_line_(stream_, line_);
    kept_.append(line_).append("\n");
    if (kept_.size() > 2 * kKeptOutput) kept_.erase(0, kept_.size() - kKeptOutput);
    line_.clear();
  }

  Fd pipe_;
  net::Descriptor descriptor_;
  Stream stream_;
  const OnLine& on_line_;
  std::string line_, kept_;
};

// Our child and its process group. Its number stays ours until it is reaped, so signals cannot hit a
// stranger.
class Group {
 public:
  explicit Group(Process leader) : leader_(std::move(leader)) {}
  Group(Group&&) = default;
  Group& operator=(Group&&) = delete;
  ~Group() {
    if (reaped_ || leader_.pid() == 0) return;
    signal(SIGKILL);
    reap(WNOHANG);
  }
  void signal(int number) const { ::kill(-leader_.pid(), number); }
  const Process& leader() const { return leader_; }
  int reap(int options) {
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(leader_.pid()), &info, WEXITED | options) == 0 && info.si_pid != 0)
      reaped_ = true;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  }

 private:
  Process leader_;
  bool reaped_ = false;
};

// Sees to it that the group of a cancelled program ends. Belongs to the loop; if the loop ends first, Group
// kills.
asio::awaitable<void> terminate(std::shared_ptr<Group> group) {
  group->signal(SIGTERM);
  asio::steady_timer pause(co_await asio::this_coro::executor);
  boost::system::error_code ignored;
  for (auto waited = 0ms; group->leader().alive(); waited += 10ms) {
    if (waited == kTermination) group->signal(SIGKILL);
    if (waited == kDeath) break;
    pause.expires_after(10ms);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

class RunningProgram {
 public:
  RunningProgram(net::Runtime& runtime, Process leader)
      : runtime_(runtime), group_(std::make_shared<Group>(std::move(leader))) {}
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram() {
    if (!ended_) asio::co_spawn(runtime_.io(), terminate(std::move(group_)), asio::detached);
  }

  base::Task<void> ended() {
    net::Descriptor watch(runtime_, group_->leader().pidfd());
    while (group_->leader().alive()) co_await watch.readable();
  }
  int finish() {
    group_->signal(SIGKILL);  // whoever it left behind; not yet reaped, so the group is still ours
    ended_ = true;
    return group_->reap(0);
  }

 private:
  net::Runtime& runtime_;
  std::shared_ptr<Group> group_;
  bool ended_ = false;
};

struct Pipe {
  Fd reading, writing;
};

std::optional<Pipe> open_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

base::Task<base::Result<Ending>> run_program(net::Runtime& runtime, Command command, base::Instant deadline,
                                             OnLine on_line) {
  auto output = open_pipe();
  auto errors = open_pipe();
  if (!output || !errors) co_return base::fail(ErrorKind::failed, "pipe: {}", std::strerror(errno));
  auto started = start_process(command, {.output = output->writing.get(), .errors = errors->writing.get()});
  if (!started) co_return std::unexpected(started.error());
  output->writing.reset();
  errors->writing.reset();

  RunningProgram program(runtime, std::move(*started));
  LineReader out(runtime, std::move(output->reading), Stream::output, on_line);
  LineReader err(runtime, std::move(errors->reading), Stream::errors, on_line);
  {
    base::TaskGroup listening(runtime.executor());
    listening.spawn(out.read_all());
    listening.spawn(err.read_all());
    const bool in_time = co_await base::first_ends_first(runtime.executor(), program.ended(),
                                                         runtime.clock().sleep_until(deadline));
    if (!in_time) co_return base::fail(ErrorKind::timed_out, "{} did not end in time", command.argv.front());
  }
  Ending ending;
  ending.status = program.finish();
  ending.last_output = out.finish();
  ending.last_errors = err.finish();
  co_return ending;
}

base::Task<base::Result<void>> remove_trees(net::Runtime& runtime, std::vector<std::string> paths) {
  if (paths.empty()) co_return base::Result<void>();
  Command command{.argv = {"/bin/rm", "-rf", "--one-file-system", "--"}, .environment = {"LC_ALL=C"}};
  command.argv.insert(command.argv.end(), paths.begin(), paths.end());
  const auto ending = co_await run_program(runtime, std::move(command), base::Instant::max());
  if (!ending) co_return std::unexpected(ending.error());
  if (!ending->success()) co_return base::fail(ErrorKind::failed, "{}", ending->last_errors);
  co_return base::Result<void>();
}

base::Result<std::vector<std::string>> shell_words(std::string_view line) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      if (word) words.push_back(std::move(*word));
      word.reset();
      continue;
    }
    if (!word) word.emplace();
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      const char next = line[++i];
      if (quote == '"' && next != '"' && next != '\\') *word += c;
      *word += next;
    } else {
      *word += c;
    }
  }
  if (quote != 0) return base::fail(ErrorKind::invalid, "no closing {} in: {}", quote, line);
  if (word) words.push_back(std::move(*word));
  return words;
}

}  // namespace holdfast::system
