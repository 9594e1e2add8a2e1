// The data directory: what is in it, and the marks that say how far we got with it.
//
//   DIR/holdfast.incomplete/   a bootstrap or clone is being made. initdb and pg_basebackup want an empty
//   directory:
//                              they fill this one, and what they made moves up when it is whole. So a
//                              half-made cluster is never where PostgreSQL, or a person, would look for one.
//   DIR/holdfast.unconfirmed   bootstrapped, but not announced in etcd yet
//   DIR.rewinding              pg_rewind is at work: beside, because pg_rewind removes what its source does
//   not have.
//                              It names the inode of DIR, so that it means nothing for data put there later.
//   DIR.clone.N                a clone being made beside data; swapped in by renaming when it is whole
//   DIR.before_clone.TIME      what was there before; kept, a person may remove it
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ha/instance.hpp"
#include "net/runtime.hpp"
#include "system/files.hpp"

namespace holdfast::postgres {

// These functions block for a moment, except those that return a Task.
class DataDirectory {
 public:
  DataDirectory(std::string path, system::Owner owner);

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  system::Owner owner() const { return owner_; }

  struct Finding {
    ha::DataDirectory kind = ha::DataDirectory::absent;
    std::string problem;
  };
  Finding look() const;
  bool has_standby_signal() const { return system::exists(file("standby.signal")); }

  // Free to be filled: nothing there, or only what we may throw away.
  static bool is_free(ha::DataDirectory kind);

  // Throws away what an unfinished bootstrap or clone left, and makes DIR/holdfast.incomplete, empty. Only
  // for a directory that is free. The directory to fill.
  base::Task<base::Result<std::string>> begin_filling(net::Runtime& runtime) const;
  // What was filled moves up; the mark stays, as an empty directory, until finished().
  base::Result<void> move_up() const;
  base::Result<void> finished() const;

  base::Result<void> mark_unconfirmed() const;
  base::Result<void> confirm() const;

  // A new DIR.clone.N; those that were left by others are removed.
  base::Task<base::Result<std::string>> begin_clone_beside(net::Runtime& runtime) const;
  // Puts the copy in the place of DIR; the new name of what was there. Two renames: a crash between them
  // leaves no directory, and both copies.
  base::Result<std::string> swap_in(const std::string& copy, base::WallTime now) const;
  std::vector<std::string> kept_copies() const;  // DIR.before_clone.*, for messages

  base::Result<void> begin_rewind() const;
  base::Result<void> end_rewind() const;

 private:
  bool rewind_is_unfinished() const;
  std::vector<std::string> beside(std::string_view middle) const;

  std::string path_;
  system::Owner owner_;
};

}  // namespace holdfast::postgres
