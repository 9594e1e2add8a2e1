#include "main/terminal.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>
#include <spawn.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "main/environment.hpp"

extern char** environ;

namespace holdfast {
namespace {

using base::ErrorKind;

// What is typed is not shown while this lives.
class Unseen {
 public:
  Unseen() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    changed_ = true;
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~Unseen() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

// A file that is gone with this object.
class TemporaryFile {
 public:
  static base::Result<TemporaryFile> make(std::string name, const std::string& text) {
    for (char& c : name)
      if (c == '/') c = '_';
    const char* folder = std::getenv("TMPDIR");
    auto path = std::string(folder && *folder ? folder : "/tmp") + "/" + name + "XXXXXX.yaml";
    const int file = mkstemps(path.data(), 5);  // readable for its owner only
    if (file < 0)
      return base::fail(ErrorKind::failed, "a file {} cannot be made: {}", path, std::strerror(errno));
    const auto written = write(file, text.data(), text.size());
    close(file);
    TemporaryFile made(path);
    if (written != static_cast<ssize_t>(text.size()))
      return base::fail(ErrorKind::failed, "{} cannot be written: {}", path, std::strerror(errno));
    return made;
  }
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Runs a program of PATH at our terminal; its exit status, or -1 if there is no such program.
int run_here(const std::string& program, const std::string& argument) {
  std::string name = program, word = argument;
  char* argv[] = {name.data(), word.data(), nullptr};
  pid_t child = 0;
  if (posix_spawnp(&child, program.c_str(), nullptr, nullptr, argv, environ) != 0) return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
  return 128 + WTERMSIG(status);
}

int run_editor(const std::string& path) {
  if (const char* editor = std::getenv("EDITOR"); editor && *editor) return run_here(editor, path);
  const int status = run_here("editor", path);
  return status == -1 ? run_here("vi", path) : status;
}

}  // namespace

void StandardStreams::out(std::string_view text) { std::cout << text << std::flush; }
void StandardStreams::err(std::string_view text) { std::cerr << text << std::flush; }

std::optional<std::string> StandardStreams::ask(std::string_view question) {
  out(question);
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

std::optional<std::string> StandardStreams::ask_secret(std::string_view question) {
  std::optional<std::string> answer;
  {
    const Unseen unseen;
    answer = ask(question);
  }
  out("\n");
  return answer;
}

std::string StandardStreams::read_all() { return {std::istreambuf_iterator<char>(std::cin), {}}; }

bool StandardStreams::is_screen() const { return isatty(STDOUT_FILENO) == 1; }

base::Result<std::string> edit_text(const std::string& name, const std::string& text) {
  const auto file = TemporaryFile::make(name, text);
  if (!file) return std::unexpected(file.error());
  const int status = run_editor(file->path());
  if (status == -1)
    return base::fail(ErrorKind::failed,
                      "EDITOR environment variable is not set. editor or vi are not available");
  if (status != 0) return base::fail(ErrorKind::failed, "Editor exited with return code {}", status);
  return read_text_file(file->path());
}

}  // namespace holdfast
