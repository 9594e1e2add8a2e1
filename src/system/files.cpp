#include "system/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace holdfast::system {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;

std::unexpected<base::Error> fail_with(std::string_view doing, const std::string& path, int error) {
  return base::fail(error == ENOENT ? ErrorKind::invalid : ErrorKind::failed, "{} {}: {}", doing, path,
                    std::strerror(error));
}

base::Result<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_with("cannot write", path, errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

base::Result<void> write_and_sync(int fd, std::string_view content, Owner owner, mode_t mode,
                                  const std::string& path) {
  if (auto written = write_all(fd, content, path); !written) return written;
  if (geteuid() == 0 && fchown(fd, owner.uid, owner.gid) != 0)
    return fail_with("cannot give away", path, errno);
  if (fchmod(fd, mode) != 0) return fail_with("cannot set the mode of", path, errno);
  if (fsync(fd) != 0) return fail_with("cannot sync", path, errno);
  return {};
}

bool already_so(const std::string& path, std::string_view content, mode_t mode) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode) || (found.st_mode & 07777) != mode)
    return false;
  const auto present = read_file(path);
  return present && *present == content;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}
int Fd::release() { return std::exchange(fd_, -1); }
void Fd::reset() {
  if (fd_ >= 0) ::close(release());
}

bool exists(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0;
}

base::Result<std::string> read_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return fail_with("cannot read", path, errno);
  std::string content;
  char chunk[16384];
  for (;;) {
    const auto got = ::read(file.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_with("cannot read", path, errno);
    if (got == 0) return content;
    content.append(chunk, static_cast<std::size_t>(got));
  }
}

base::Result<void> write_file(const std::string& path, std::string_view content, Owner owner, mode_t mode) {
  if (already_so(path, content, mode)) return {};
  const auto beside = path + ".new";
  // The directory may belong to a user whom we, as root, do not trust: O_EXCL follows no symlink laid for us.
  ::unlink(beside.c_str());
  const Fd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return fail_with("cannot create", beside, errno);
  if (auto written = write_and_sync(file.get(), content, owner, mode, beside); !written) {
    ::unlink(beside.c_str());
    return written;
  }
  if (auto renamed = rename_path(beside, path); !renamed) return renamed;
  return sync_directory(parent_of(path));
}

base::Result<void> make_empty_file(const std::string& path, Owner owner) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return fail_with("cannot create", path, errno);
  if (geteuid() == 0 && fchown(file.get(), owner.uid, owner.gid) != 0)
    return fail_with("cannot give away", path, errno);
  return {};
}

base::Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_with("cannot remove", path, errno);
  return {};
}

base::Result<void> rename_path(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return base::fail(ErrorKind::failed, "cannot rename {} to {}: {}", from, to, std::strerror(errno));
  return {};
}

base::Result<void> make_directory(const std::string& path, Owner owner, mode_t mode) {
  std::error_code error;
  fs::create_directories(parent_of(path), error);
  if (error) return fail_with("cannot create", parent_of(path), error.value());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_with("cannot create", path, errno);
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return fail_with("cannot open the directory", path, errno);
  if (geteuid() == 0 && fchown(directory.get(), owner.uid, owner.gid) != 0)
    return fail_with("cannot give away", path, errno);
  if (fchmod(directory.get(), mode) != 0) return fail_with("cannot set the mode of", path, errno);
  return sync_directory(parent_of(path));
}

base::Result<std::vector<std::string>> names_in(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) return fail_with("cannot list", path, error.value());
  std::ranges::sort(names);
  return names;
}

base::Result<void> sync_directory(const std::string& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail_with("cannot open the directory", path, errno);
  if (fsync(directory.get()) != 0 && errno != EINVAL) return fail_with("cannot sync", path, errno);
  return {};
}

std::string parent_of(const std::string& path) {
  const auto parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string normal_path(const std::string& path) {
  std::error_code error;
  auto absolute = fs::absolute(path, error).lexically_normal();
  if (!absolute.has_filename() && absolute.has_relative_path()) absolute = absolute.parent_path();
  return error ? path : absolute.string();
}

std::optional<DiskSpace> disk_space(const std::string& path) {
  struct statvfs found{};
  if (statvfs(path.c_str(), &found) != 0) return std::nullopt;
  return DiskSpace{.free = std::uint64_t{found.f_bavail} * found.f_frsize,
                   .total = std::uint64_t{found.f_blocks} * found.f_frsize};
}

}  // namespace holdfast::system
