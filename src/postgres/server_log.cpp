#include "postgres/server_log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::postgres {
namespace {

constexpr off_t kLargestLog = 16 << 20;  // bytes, looked at when the server starts
constexpr std::size_t kShownLines = 4096;

}  // namespace

base::Result<ServerLog> ServerLog::open(const std::string& path, system::Owner owner) {
  struct stat found{};
  if (stat(path.c_str(), &found) == 0 && found.st_size > kLargestLog)
    if (auto renamed = system::rename_path(path, path + ".1"); !renamed)
      return std::unexpected(renamed.error());
  system::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file || fstat(file.get(), &found) != 0)
    return base::fail(base::ErrorKind::failed, "cannot open the server's log {}: {}", path,
                      std::strerror(errno));
  if (geteuid() == 0 && fchown(file.get(), owner.uid, owner.gid) != 0)
    return base::fail(base::ErrorKind::failed, "cannot give away {}: {}", path, std::strerror(errno));
  return ServerLog(path, std::move(file), static_cast<std::uint64_t>(found.st_size));
}

std::string ServerLog::last_lines() const {
  const system::Fd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat found{};
  if (!file || fstat(file.get(), &found) != 0) return {};
  const auto end = static_cast<std::uint64_t>(found.st_size);
  const auto begin = std::max(from_, end > kShownLines ? end - kShownLines : 0);
  std::string text(end > begin ? end - begin : 0, '\0');
  const auto got = ::pread(file.get(), text.data(), text.size(), static_cast<off_t>(begin));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace holdfast::postgres
