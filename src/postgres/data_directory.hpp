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
//   DIR.incomplete             a program of the user's is filling DIR, or what is in DIR is being thrown
//   away.
//                              Beside, because such a program wants DIR for itself, often not even there. It
//                              names DIR's inode, or says that there was none.
//   DIR.clone.N                a clone being made beside data; swapped in by renaming when it is whole
//   DIR.before_clone.TIME      what was there before; kept, a person may remove it
//   DIR.abandoned.TIME         found under a DIR.incomplete that no longer tells whose it is; kept likewise
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

  // Makes DIR free, or (keep_data) leaves what is there, for a program that fills DIR itself; marks it
  // incomplete until filled(). What was empty stays; leftovers go, with DIR itself where that can be.
  base::Task<base::Result<void>> begin_filling_by_program(net::Runtime& runtime, bool keep_data) const;
  // Again, as the program may have put another directory there.
  base::Result<void> mark_being_filled() const;
  // failed: what the program left is no whole cluster.
  base::Result<void> check_filled() const;
  // Files that belong to the server, or the agent, that the copy was made of.
  base::Result<void> remove_foreign_state() const;
  base::Result<void> filled() const;
  // The program failed: what it left is removed.
  base::Task<base::Result<void>> give_up_filling(net::Runtime& runtime) const;
  // What is in DIR, and in its tablespaces, is not wanted any more: DIR becomes incomplete, hence free.
  base::Task<base::Result<void>> discard(net::Runtime& runtime) const;
  bool has_tablespaces() const;

  base::Result<void> mark_unconfirmed() const;
  base::Result<void> confirm() const;

  // A new DIR.clone.N; those that were left by others are removed.
  base::Task<base::Result<std::string>> begin_clone_beside(net::Runtime& runtime) const;
  // Puts the copy in the place of DIR; the new name of what was there. Two renames: a crash between them
  // leaves no directory, and both copies.
  base::Result<std::string> swap_in(const std::string& copy, base::WallTime now) const;
  // DIR becomes DIR.before_clone.TIME, and back.
  base::Result<std::string> set_aside(base::WallTime now) const;
  base::Result<void> put_back(const std::string& kept) const;
  std::vector<std::string> kept_copies() const;  // DIR.before_clone.*, for messages

  base::Result<void> begin_rewind() const;
  base::Result<void> end_rewind() const;

 private:
  bool rewind_is_unfinished() const;
  bool is_being_filled() const;
  base::Result<void> keep_what_may_be_anybodys(base::WallTime now) const;
  std::string name_with_time(std::string_view middle, base::WallTime now) const;
  std::vector<std::string> beside(std::string_view middle) const;

  std::string path_;
  system::Owner owner_;
};

}  // namespace holdfast::postgres
