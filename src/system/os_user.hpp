// Users of the operating system, and what of this process another user may not see.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "base/result.hpp"

namespace holdfast::system {

struct OsUser {
  std::string name;
  std::string home;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // all it belongs to

  bool is_root() const { return uid == 0; }
};

// These ask the name service, which may be slow; once at the start of a program.
base::Result<OsUser> os_user_named(const std::string& name);
base::Result<OsUser> os_user_with_id(uid_t uid);
// Whom this process runs as.
base::Result<OsUser> current_os_user();

// The first directory above the absolute `path` that exists but that `user` may not enter; empty if
// there is none. PostgreSQL's own message for this names the data directory, not the one that is in the way.
std::string directory_closed_to(const OsUser& user, const std::string& path);

}  // namespace holdfast::system
