#include "system/os_user.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::system {
namespace {

OsUser with_groups(const passwd& entry) {
  OsUser user{.name = entry.pw_name, .home = entry.pw_dir, .uid = entry.pw_uid, .gid = entry.pw_gid};
  int count = 32;
  for (int tries = 0; tries < 4; ++tries) {
    user.groups.resize(static_cast<std::size_t>(count));
    if (getgrouplist(entry.pw_name, entry.pw_gid, user.groups.data(), &count) >= 0) break;
  }
  user.groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  return user;
}

bool may_enter(const OsUser& user, const struct stat& directory) {
  if (user.is_root()) return true;
  if (directory.st_uid == user.uid) return (directory.st_mode & S_IXUSR) != 0;
  const bool in_group =
      directory.st_gid == user.gid || std::ranges::find(user.groups, directory.st_gid) != user.groups.end();
  return (directory.st_mode & (in_group ? S_IXGRP : S_IXOTH)) != 0;
}

}  // namespace

base::Result<OsUser> os_user_named(const std::string& name) {
  errno = 0;
  if (const passwd* entry = getpwnam(name.c_str())) return with_groups(*entry);
  return base::fail(base::ErrorKind::invalid, "there is no user '{}' on this machine{}{}", name,
                    errno ? ": " : "", errno ? std::strerror(errno) : "");
}

base::Result<OsUser> os_user_with_id(uid_t uid) {
  errno = 0;
  if (const passwd* entry = getpwuid(uid)) return with_groups(*entry);
  return base::fail(base::ErrorKind::invalid, "there is no user with the id {} on this machine{}{}", uid,
                    errno ? ": " : "", errno ? std::strerror(errno) : "");
}

base::Result<OsUser> current_os_user() { return os_user_with_id(geteuid()); }

std::string directory_closed_to(const OsUser& user, const std::string& path) {
  for (std::size_t end = 1; end != std::string::npos;) {
    const auto next = path.find('/', end);
    const auto above = end == 1 ? std::string("/") : path.substr(0, end - 1);
    struct stat found{};
    if (stat(above.c_str(), &found) != 0) return {};
    if (!S_ISDIR(found.st_mode) || !may_enter(user, found)) return above;
    end = next == std::string::npos ? next : next + 1;
  }
  return {};
}

}  // namespace holdfast::system
