#include "postgres/user_command.hpp"

#include "system/program.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;

// A shorter one would black out half of every log, and protects nothing.
constexpr std::size_t kShortestSecret = 4;

std::string last_words(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.empty() ? "it said nothing" : text;
}

}  // namespace

std::string without_secrets(const patroni::NodeConfig& config, std::string text) {
  const auto& postgresql = config.postgresql;
  for (const auto* secret :
       {&postgresql.superuser.password, &postgresql.replication.password, &postgresql.rewind.password,
        &config.restapi.password, &config.ctl.password, &config.etcd.password}) {
    if (secret->size() < kShortestSecret) continue;
    for (auto at = text.find(*secret); at != std::string::npos; at = text.find(*secret, at + 3))
      text.replace(at, secret->size(), "***");
  }
  return text;
}

Result<system::Command> prepare_user_command(const Site& site, const UserCommand& command) {
  auto words = system::shell_words(command.line);
  if (!words) return base::in(command.key, words.error());
  if (words->empty()) return base::fail(ErrorKind::invalid, "{} is empty", command.key);
  if (!words->front().contains('/')) words->insert(words->begin(), "/usr/bin/env");  // finds it in PATH
  words->insert(words->end(), command.arguments.begin(), command.arguments.end());
  auto prepared = site.installation.user_command(std::move(*words), command.password_file);
  for (const auto& entry : command.environment) prepared.environment.push_back(entry);
  return prepared;
}

Task<Result<void>> run_user_command(Site& site, UserCommand command, base::Instant deadline) {
  auto prepared = prepare_user_command(site, command);
  if (!prepared) co_return std::unexpected(prepared.error());
  telemetry::info("running {}: {}", command.key, without_secrets(site.config, command.line));
  const auto on_line = [&](system::Stream, std::string_view line) {
    telemetry::info("{}: {}", command.key, without_secrets(site.config, std::string(line)));
  };
  const auto ending = co_await system::run_program(site.runtime, std::move(*prepared), deadline, on_line);
  if (!ending) co_return base::in(command.key, ending.error());
  if (!ending->success()) {
    const auto& said = ending->last_errors.empty() ? ending->last_output : ending->last_errors;
    co_return base::fail(ErrorKind::failed, "{} ('{}') ended with status {}: {}", command.key,
                         without_secrets(site.config, command.line), ending->status,
                         without_secrets(site.config, last_words(said)));
  }
  co_return Result<void>();
}

}  // namespace holdfast::postgres
