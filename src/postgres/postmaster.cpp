#include "postgres/postmaster.hpp"

#include <csignal>

#include "system/files.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using Status = pg::PostmasterFile::Status;
using namespace std::chrono_literals;

constexpr auto kExecutable = "postgres";

}  // namespace

Postmaster::Postmaster(net::Runtime& runtime, system::Worker& worker, std::string data_dir)
    : runtime_(runtime),
      worker_(worker),
      data_dir_(std::move(data_dir)),
      ended_(runtime.executor()),
      gone_(runtime.executor()),
      watching_(runtime.executor()) {}

std::optional<pg::PostmasterFile> Postmaster::read_file() const {
  const auto text = system::read_file(data_dir_ + "/postmaster.pid");
  return text ? pg::parse_postmaster_file(*text) : std::nullopt;
}

void Postmaster::find() {
  const auto file = read_file();
  // A single-user server is one too: nobody else may use the directory meanwhile.
  const pid_t pid = file ? std::abs(file->pid) : 0;
  if (pid == 0 || !system::is_process_in(pid, data_dir_, kExecutable)) return;
  auto process = system::Process::open(pid);
  // Looked at again, now that the pidfd holds it: the number may have changed hands in between.
  if (process && system::is_process_in(pid, data_dir_, kExecutable)) adopt(std::move(*process));
}

void Postmaster::adopt(system::Process process) {
  watching_.cancel_all();
  process_.emplace(std::move(process));
  told_to_stop_ = false;
  gone_.clear();
  watching_.spawn(watch());
}

base::Task<void> Postmaster::watch() {
  co_await process_->ended(runtime_);
  gone_.set();
  ended_.set();
}

pg::PostmasterFile::Status Postmaster::status() const {
  const auto file = read_file();
  return file && process_ && file->pid == process_->pid() ? file->status : Status::unknown;
}

bool Postmaster::tell_to_stop(int number) {
  told_to_stop_ = signal(number);
  return told_to_stop_;
}

ha::Process Postmaster::look() {
  if (process_ && !process_->alive()) {
    watching_.cancel_all();
    process_->reap();
    process_.reset();
    gone_.set();
    ended_.set();
  }
  if (!process_) find();
  if (!process_) return ha::Process::stopped;
  if (told_to_stop_) return ha::Process::stopping;
  switch (status()) {
    case Status::stopping:
      return ha::Process::stopping;
    case Status::ready:
      return ha::Process::running;
    case Status::starting:
    case Status::standby:
    case Status::unknown:
      return ha::Process::starting;
  }
  return ha::Process::starting;
}

base::Task<bool> Postmaster::ended_by(base::Instant deadline) {
  if (!alive()) co_return true;
  auto until_gone = [](base::Event& gone) -> base::Task<void> { co_await gone.wait(); };
  co_return co_await base::first_ends_first(runtime_.executor(), until_gone(gone_),
                                            runtime_.clock().sleep_until(deadline));
}

base::Task<base::Result<void>> Postmaster::kill_the_rest(base::Instant deadline) {
  for (;;) {
    const auto left =
        co_await worker_.run([data_dir = data_dir_] { return system::processes_in(data_dir, kExecutable); });
    if (left.empty()) co_return base::Result<void>();
    std::vector<system::Process> killed;
    for (const pid_t pid : left) {
      auto process = system::Process::open(pid);
      if (!process || !system::is_process_in(pid, data_dir_, kExecutable)) continue;
      process->signal(SIGKILL);
      killed.push_back(std::move(*process));
    }
    for (const auto& process : killed)
      if (!co_await base::first_ends_first(runtime_.executor(), process.ended(runtime_),
                                           runtime_.clock().sleep_until(deadline)))
        co_return base::fail(ErrorKind::timed_out, "process {} of {} does not end although it was killed",
                             process.pid(), data_dir_);
  }
}

pid_t Postmaster::stale_pid() const {
  const auto file = read_file();
  if (!file || alive()) return 0;
  return std::abs(file->pid);
}

}  // namespace holdfast::postgres
