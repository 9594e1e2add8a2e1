#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/files.hpp"
#include "system/os_user.hpp"
#include "system/process.hpp"
#include "system/program.hpp"
#include "system/systemd.hpp"
#include "system/worker.hpp"

namespace holdfast::system {
namespace {

using base::Task;
using namespace std::chrono_literals;

class SystemTest : public testing::Test {
 protected:
  SystemTest() {
    char path[] = "/tmp/postgres-system-XXXXXX";
    directory = mkdtemp(path);
  }
  ~SystemTest() override { (void)runtime.run_task(remove_trees(runtime, {directory})); }

  base::Result<Ending> shell(std::string script, base::Duration limit = 10s, OnLine on_line = {}) {
    return runtime.run_task(
        run_program(runtime, command(std::move(script)), runtime.clock().now() + limit, on_line));
  }
  Command command(std::string script) {
    return {.argv = {"/bin/sh", "-c", std::move(script)},
            .environment = {"PATH=/usr/bin:/bin", "COLOUR=blue"}};
  }
  std::string file(const std::string& name) { return directory + "/" + name; }
  Owner us{geteuid(), getegid()};

  net::Runtime runtime;
  std::string directory;
};

// As systemd listens for a unit with Type=notify.
class SystemdSocket {
 public:
  explicit SystemdSocket(const std::string& path) : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (path.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~SystemdSocket() {
    unsetenv("NOTIFY_SOCKET");
    close(socket_);
  }
  SystemdSocket(const SystemdSocket&) = delete;
  SystemdSocket& operator=(const SystemdSocket&) = delete;
  std::string heard() const {
    char buffer[256];
    const auto count = recv(socket_, buffer, sizeof(buffer), 0);
    return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : "";
  }

 private:
  int socket_;
};

TEST_F(SystemTest, SystemdIsToldHowFarTheServiceIs) {
  for (const auto& path : {file("notify"), "@holdfast-test-" + std::to_string(getpid())}) {
    const SystemdSocket systemd(path);
    notify_ready();
    EXPECT_EQ(systemd.heard(), "READY=1");
    notify_reloading();
    EXPECT_EQ(systemd.heard().substr(0, 27), "RELOADING=1\nMONOTONIC_USEC=");
    notify_stopping();
    EXPECT_EQ(systemd.heard(), "STOPPING=1");
  }
  notify_ready();  // without systemd: nothing happens
}

TEST_F(SystemTest, AProgramsLinesAndStatusAreSeen) {
  std::vector<std::string> lines;
  const auto ending =
      shell("echo one; printf 'two\\rthree' >&2; echo $COLOUR; exit 3", 10s,
            [&](Stream stream, std::string_view line) {
              lines.push_back((stream == Stream::errors ? "err " : "out ") + std::string(line));
            });
  ASSERT_TRUE(ending) << ending.error().message;
  EXPECT_EQ(ending->status, 3);
  EXPECT_EQ(ending->last_output, "one\nblue\n");
  EXPECT_EQ(ending->last_errors, "two\nthree\n");
  std::ranges::sort(lines);
  EXPECT_EQ(lines, (std::vector<std::string>{"err three", "err two", "out blue", "out one"}));
}

TEST_F(SystemTest, OutputIsBounded) {
  const auto ending = shell("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo the end");
  ASSERT_TRUE(ending) << ending.error().message;
  EXPECT_LT(ending->last_output.size(), 20'000u);
  EXPECT_TRUE(ending->last_output.ends_with("the end\n"));
}

TEST_F(SystemTest, ASignalIsAStatusAndAMissingProgramAnError) {
  EXPECT_EQ(shell("kill -9 $$")->status, 128 + 9);
  const auto missing =
      runtime.run_task(run_program(runtime, {.argv = {"/no/such/program"}}, runtime.clock().now() + 1s));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, base::ErrorKind::invalid);
  EXPECT_EQ(missing.error().message, "cannot start /no/such/program: No such file or directory");
}

bool gone(pid_t pid) { return !Process::open(pid); }

// Runs until the file has a whole line; the pid in it.
pid_t pid_in(net::Runtime& runtime, const std::string& path) {
  for (int tries = 0; tries < 500; ++tries) {
    const auto text = read_file(path);
    if (text && text->ends_with('\n')) return std::stoi(*text);
    runtime.run_task(runtime.clock().sleep_until(runtime.clock().now() + 10ms));
  }
  return 0;
}

bool ends_within(net::Runtime& runtime, pid_t pid, base::Duration limit) {
  const auto deadline = runtime.clock().now() + limit;
  while (!gone(pid) && runtime.clock().now() < deadline)
    runtime.run_task(runtime.clock().sleep_until(runtime.clock().now() + 10ms));
  return gone(pid);
}

TEST_F(SystemTest, ADeadlineEndsTheWholeGroup) {
  const auto ending = shell("sleep 100 & echo $! > " + file("child") + "; wait", 200ms);
  ASSERT_FALSE(ending);
  EXPECT_EQ(ending.error().kind, base::ErrorKind::timed_out);
  EXPECT_TRUE(ends_within(runtime, pid_in(runtime, file("child")), 1s));
}

TEST_F(SystemTest, DestroyingTheTaskEndsEvenAProgramThatRefuses) {
  base::TaskGroup group(runtime.executor());
  auto ignore = [](Task<base::Result<Ending>> task) -> Task<void> { (void)co_await std::move(task); };
  auto token = group.spawn_with_token(ignore(run_program(
      runtime, command("trap '' TERM; echo $$ > " + file("pid") + "; while :; do sleep 0.1; done"),
      base::Instant::max())));
  const pid_t pid = pid_in(runtime, file("pid"));
  ASSERT_FALSE(gone(pid));
  token.cancel();
  EXPECT_TRUE(ends_within(runtime, pid, 5s));
}

TEST_F(SystemTest, AStragglerDoesNotOutliveItsProgram) {
  ASSERT_TRUE(shell("sleep 100 & echo $! > " + file("child")));
  EXPECT_TRUE(ends_within(runtime, pid_in(runtime, file("child")), 1s));
}

TEST_F(SystemTest, RunsAsAnotherUserWithNothingOfOurs) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto postgres = os_user_named("postgres");
  ASSERT_TRUE(postgres) << postgres.error().message;
  const Fd secret(::open("/dev/null", 0));
  const Fd inherited(::dup(secret.get()));  // not close-on-exec
  auto as_postgres = command("id -un; id -Gn; umask; ls /proc/self/fd | wc -l; pwd; kill -l >/dev/null");
  as_postgres.run_as = *postgres;
  as_postgres.directory = "/";
  const auto ending = runtime.run_task(run_program(runtime, as_postgres, runtime.clock().now() + 10s));
  ASSERT_TRUE(ending) << ending.error().message;
  EXPECT_TRUE(ending->last_output.starts_with("postgres\npostgres")) << ending->last_output;
  EXPECT_FALSE(ending->last_output.contains("root")) << ending->last_output;
  EXPECT_TRUE(ending->last_output.ends_with("0077\n4\n/\n")) << ending->last_output;
}

TEST_F(SystemTest, FindsTheProcessesOfADirectory) {
  Command sleeping{.argv = {"/bin/sleep", "100"}, .directory = directory};
  const auto started = start_process(sleeping, {});
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(processes_in(directory, "sleep"), std::vector<pid_t>{started->pid()});
  EXPECT_TRUE(processes_in(directory, "postgres").empty());
  EXPECT_TRUE(processes_in("/tmp", "sleep").empty() || !is_process_in(started->pid(), "/tmp", "sleep"));
  EXPECT_NE(started->start_ticks(), 0u);
  started->signal(SIGKILL);
  runtime.run_task(started->ended(runtime));
  EXPECT_FALSE(started->signal(SIGKILL));
  EXPECT_TRUE(gone(started->pid()));
  EXPECT_TRUE(processes_in(directory, "sleep").empty());
}

TEST_F(SystemTest, FilesAreReplacedWhole) {
  const auto path = file("settings");
  ASSERT_TRUE(write_file(path, "one\n", us, 0640));
  struct stat first{}, second{};
  ASSERT_EQ(stat(path.c_str(), &first), 0);
  EXPECT_EQ(first.st_mode & 0777, 0640u);
  ASSERT_TRUE(write_file(path, "one\n", us, 0640));
  ASSERT_EQ(stat(path.c_str(), &second), 0);
  EXPECT_EQ(first.st_ino, second.st_ino) << "the same content is not written again";
  ASSERT_TRUE(write_file(path, "two\n", us, 0640));
  ASSERT_EQ(stat(path.c_str(), &second), 0);
  EXPECT_NE(first.st_ino, second.st_ino);
  EXPECT_EQ(read_file(path).value(), "two\n");
  EXPECT_EQ(names_in(directory).value(), std::vector<std::string>{"settings"});
  EXPECT_EQ(write_file("/no/such/directory/file", "", us).error().message,
            "cannot create /no/such/directory/file.new: No such file or directory");
}

TEST_F(SystemTest, ASymlinkLaidForUsIsNotFollowed) {
  ASSERT_TRUE(write_file(file("victim"), "precious", us));
  ASSERT_EQ(symlink(file("victim").c_str(), file("settings.new").c_str()), 0);
  ASSERT_EQ(symlink(file("victim").c_str(), file("settings").c_str()), 0);
  ASSERT_TRUE(write_file(file("settings"), "ours", us));
  EXPECT_EQ(read_file(file("victim")).value(), "precious");
  EXPECT_EQ(read_file(file("settings")).value(), "ours");
}

TEST_F(SystemTest, PathsAreMadeNormal) {
  EXPECT_EQ(normal_path("/a/b/../c/"), "/a/c");
  EXPECT_EQ(normal_path("/"), "/");
  EXPECT_EQ(parent_of("/a/b"), "/a");
}

TEST_F(SystemTest, TheDirectoryInTheWayIsNamed) {
  const OsUser somebody{.name = "somebody", .uid = 54321, .gid = 54321, .groups = {54321}};
  ASSERT_EQ(chmod(directory.c_str(), 0755), 0);
  ASSERT_TRUE(make_directory(file("closed/inner"), us, 0755));
  ASSERT_EQ(chmod(file("closed").c_str(), 0700), 0);
  EXPECT_EQ(directory_closed_to(somebody, file("closed/inner/data")), file("closed"));
  EXPECT_EQ(directory_closed_to(somebody, file("open/data")), "");
}

TEST_F(SystemTest, TheWorkerKeepsTheOrderAndTheLoopGoesOn) {
  Worker worker(runtime);
  std::string order;
  auto job = [&](char name) -> Task<void> {
    order += co_await worker.run([name] {
      usleep(20'000);
      return name;
    });
  };
  auto tick = [&]() -> Task<void> {
    co_await runtime.clock().sleep_until(runtime.clock().now() + 5ms);
    order += '.';
  };
  base::TaskGroup group(runtime.executor());
  group.spawn(job('a'));
  group.spawn(job('b'));
  group.spawn(tick());
  runtime.run_task(job('c'));
  EXPECT_EQ(order, ".abc");
}

TEST_F(SystemTest, ADestroyedWaitForTheWorkerNeverReturns) {
  Worker worker(runtime);
  bool returned = false;
  auto job = [&]() -> Task<void> {
    co_await worker.run([] {
      usleep(20'000);
      return 0;
    });
    returned = true;
  };
  base::TaskGroup group(runtime.executor());
  auto token = group.spawn_with_token(job());
  runtime.run_task(runtime.clock().sleep_until(runtime.clock().now() + 5ms));
  token.cancel();
  EXPECT_EQ(runtime.run_task(worker.run([] { return 7; })), 7);
  EXPECT_FALSE(returned);
}

TEST(ShellWords, AreSplitAsAShellWould) {
  EXPECT_EQ(shell_words(R"(psql -w -c "SELECT 1")").value(),
            (std::vector<std::string>{"psql", "-w", "-c", "SELECT 1"}));
  EXPECT_EQ(shell_words(R"( a\ b 'c\d' "e\"f\g" '' x'y'z )").value(),
            (std::vector<std::string>{"a b", "c\\d", "e\"f\\g", "", "xyz"}));
  EXPECT_TRUE(shell_words("  ").value().empty());
  EXPECT_FALSE(shell_words("a 'b"));
}

}  // namespace
}  // namespace holdfast::system
