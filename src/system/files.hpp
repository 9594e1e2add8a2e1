// Files and directories, as Results. All of these block: call them on a Worker where they may take long.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/result.hpp"

namespace holdfast::system {

// A file descriptor that is closed with its owner.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

// Who a new file or directory belongs to.
struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

bool exists(const std::string& path);  // of whatever kind; a symlink that leads nowhere too
// failed: the message has the path and the reason. Absent files are `invalid`, for callers that can do
// without.
base::Result<std::string> read_file(const std::string& path);

// Replaces `path` whole or not at all, also over a crash of the machine: written beside it under another
// name, synced, renamed. Does nothing when the file has this content already.
base::Result<void> write_file(const std::string& path, std::string_view content, Owner owner,
                              mode_t mode = 0600);

// Not synced: for signals to other programs.
base::Result<void> make_empty_file(const std::string& path, Owner owner);

base::Result<void> remove_file(const std::string& path);  // fine when there is none
base::Result<void> rename_path(const std::string& from, const std::string& to);
// Makes the directory and those above it that are missing; `owner` and `mode` are for the last one, also if
// it exists.
base::Result<void> make_directory(const std::string& path, Owner owner, mode_t mode = 0700);
// What a directory holds, without "." and "..", in order of name.
base::Result<std::vector<std::string>> names_in(const std::string& path);
// Makes names in `path` survive a crash of the machine.
base::Result<void> sync_directory(const std::string& path);

std::string parent_of(const std::string& path);
// Absolute, and without a slash at the end, "." or "..".
std::string normal_path(const std::string& path);

struct DiskSpace {
  std::uint64_t free = 0;  // bytes that a user other than root may still use
  std::uint64_t total = 0;
};
std::optional<DiskSpace> disk_space(const std::string& path);

}  // namespace holdfast::system
