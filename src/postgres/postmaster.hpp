// The server's processes: the postmaster of our data directory, and whoever it left behind.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/event.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/task_group.hpp"
#include "base/time.hpp"
#include "ha/instance.hpp"
#include "net/runtime.hpp"
#include "pg/postmaster_file.hpp"
#include "system/process.hpp"
#include "system/worker.hpp"

namespace holdfast::postgres {

class Postmaster {
 public:
  Postmaster(net::Runtime& runtime, system::Worker& worker, std::string data_dir);

  // Reads postmaster.pid and /proc: well below a millisecond. A postmaster that is found for the first time
  // is watched from then on. A pid in the file that belongs to another program counts as nobody.
  ha::Process look();
  // Set as soon as a watched postmaster has ended.
  base::Event& ended() { return ended_; }

  // What we started ourselves.
  void adopt(system::Process process);
  // The watched postmaster; 0 if there is none.
  pid_t pid() const { return process_ ? process_->pid() : 0; }
  bool alive() const { return process_ && process_->alive(); }
  // As written by the watched postmaster itself; unknown before it has written anything.
  pg::PostmasterFile::Status status() const;
  bool signal(int number) const { return process_ && process_->signal(number); }
  // The same, to a postmaster that is `stopping` from now on, even before it has said so itself.
  bool tell_to_stop(int number);
  // Returns when the watched postmaster has ended, or at `deadline`.
  base::Task<bool> ended_by(base::Instant deadline);

  // Ends every process of this data directory that is left, and waits for its end: backends outlive a killed
  // postmaster as long as they are busy, and keep its shared memory. timed_out: some are stuck in the kernel.
  base::Task<base::Result<void>> kill_the_rest(base::Instant deadline);

  // A pid that postmaster.pid names although it belongs to somebody else, or to nobody: 0 if there is none.
  pid_t stale_pid() const;

 private:
  std::optional<pg::PostmasterFile> read_file() const;
  void find();
  base::Task<void> watch();

  net::Runtime& runtime_;
  system::Worker& worker_;
  std::string data_dir_;
  std::optional<system::Process> process_;
  bool told_to_stop_ = false;
  base::Event ended_;
  base::Event gone_;  // like ended_, but only look(), find() and adopt() clear it
  base::TaskGroup watching_;
};

}  // namespace holdfast::postgres
