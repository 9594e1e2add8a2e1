#include "postgres/crash_recovery.hpp"

#include <algorithm>

#include "pg/names.hpp"
#include "postgres/settings_text.hpp"
#include "postgres/user_command.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using namespace std::chrono_literals;

constexpr auto kControlTime = 10s;
constexpr auto kArchiveTime = 10min;  // for one segment; an archive that takes longer is out of order
constexpr auto kRecoveryTime = 24h;   // of all WAL since the last checkpoint

constexpr auto kReady = ".ready";

std::string parameter(const Site& site, const std::string& name) {
  const auto found = site.settings.parameters.find(name);
  return found == site.settings.parameters.end() ? std::string() : found->second;
}

// "000000010000000000000003", also with .partial: the segment in which a timeline ended.
bool is_segment(std::string_view name) {
  if (name.ends_with(".partial")) name.remove_suffix(8);
  return name.size() == 24 && name.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

std::vector<std::string> waiting_segments(const Site& site) {
  std::vector<std::string> segments;
  for (auto name :
       system::names_in(site.directory.file("pg_wal/archive_status")).value_or(std::vector<std::string>{})) {
    if (!name.ends_with(kReady)) continue;
    name.resize(name.size() - 6);
    if (is_segment(name) && system::exists(site.directory.file("pg_wal/" + name)))
      segments.push_back(std::move(name));
  }
  return segments;
}

// https://www.postgresql.org/docs/15/runtime-config-wal.html#GUC-ARCHIVE-COMMAND
std::string archive_line(std::string_view command, const std::string& segment) {
  std::string line;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char next = command[i] == '%' && i + 1 < command.size() ? command[i + 1] : '\0';
    if (next == 'p')
      line += "pg_wal/" + segment;
    else if (next == 'f')
      line += segment;
    else if (next == '%')
      line += '%';
    else {
      line += command[i];
      continue;
    }
    ++i;
  }
  return line;
}

// Empty: nothing is archived.
std::string archive_command(const Site& site) {
  const auto mode = parameter(site, "archive_mode");
  return mode == "on" || mode == "always" ? parameter(site, "archive_command") : std::string();
}

// What is archived is noted as the archiver does it, so that it is not handed over again.
Task<Result<void>> archive_segment(Site& site, const std::string& command, const std::string& segment) {
  auto shell = site.installation.user_command({"/bin/sh", "-c", archive_line(command, segment)}, {});
  shell.directory = site.directory.path();  // as the archiver
  const auto ending = co_await system::run_program(site.runtime, std::move(shell), site.in(kArchiveTime));
  if (!ending || !ending->success())
    co_return base::fail(ErrorKind::failed, "archiving {} failed: {}", segment,
                         without_secrets(site.config, ending ? ending->last_errors : ending.error().message));
  const auto status = site.directory.file("pg_wal/archive_status/" + segment);
  if (!system::exists(status + kReady)) co_return Result<void>();
  const auto noted = system::rename_path(status + kReady, status + ".done");
  if (!noted) telemetry::warning("archived {}, but {}", segment, noted.error().message);
  co_return Result<void>();
}

}  // namespace

bool ended_cleanly(const pg::ControlData& control) {
  return control.state == pg::ControlState::shut_down ||
         control.state == pg::ControlState::shut_down_in_recovery;
}

Task<void> archive_waiting_wal(Site& site) {
  const auto command = archive_command(site);
  if (command.empty()) co_return;
  for (const auto& segment : waiting_segments(site)) {
    const auto archived = co_await archive_segment(site, command, segment);
    if (!archived) {
      telemetry::warning("{}", archived.error().message);
      co_return;
    }
    telemetry::info("archived {}, which waited for it when PostgreSQL ended", segment);
  }
}

Task<Result<void>> archive_last_segment(Site& site) {
  const auto command = archive_command(site);
  if (command.empty()) co_return Result<void>();
  const auto control = co_await site.control_data(site.in(kControlTime));
  if (!control) co_return std::unexpected(control.error());
  if (control->state != pg::ControlState::shut_down)
    co_return base::fail(ErrorKind::conflict, "PostgreSQL runs, or did not end cleanly as a primary");
  const auto segment =
      pg::wal_file_name(control->checkpoint_timeline, control->checkpoint, control->wal_segment_size);
  auto archived = co_await archive_segment(site, command, segment);
  if (archived) telemetry::info("archived {}, in which PostgreSQL ended", segment);
  co_return archived;
}

Task<Result<void>> recover_from_crash(Site& site) {
  // Its last checkpoint must not recycle WAL that pg_rewind will look for, back to where the histories part.
  const auto ending = co_await system::run_program(
      site.runtime,
      site.installation.tool("postgres", {"--single", "-D", site.directory.path(),
                                          "--config-file=" + site.config_dir() + "/" + site.main_conf(), "-c",
                                          "wal_keep_size=1TB", "template1"}),
      site.in(kRecoveryTime));
  if (!ending) co_return base::in("crash recovery in single-user mode", ending.error());
  if (!ending->success())
    co_return base::fail(ErrorKind::failed, "crash recovery in single-user mode failed: {}",
                         ending->last_errors);
  co_return Result<void>();
}

}  // namespace holdfast::postgres
