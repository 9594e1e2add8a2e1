#include "postgres/callbacks.hpp"

#include <csignal>
#include <unistd.h>
#include <utility>

#include "patroni/member_value.hpp"
#include "postgres/user_command.hpp"
#include "telemetry/log.hpp"

namespace holdfast::postgres {

Callbacks::Callbacks(Site& site)
    : site_(site),
      changes_(site.runtime.executor()),
      reloads_(site.runtime.executor()),
      serving_(site.runtime.executor()) {
  serving_.spawn(serve(changes_));
  serving_.spawn(serve(reloads_));
}

void Callbacks::call(const ha::Callback& callback) {
  const std::string action(to_string(callback.action));
  const auto& commands = site_.settings.commands.callbacks;
  const auto found = commands.find(action);
  if (found == commands.end()) return;
  const std::string role(patroni::to_string(callback.role));
  auto command = prepare_user_command(site_, {.key = "postgresql.callbacks." + action,
                                              .line = found->second,
                                              .arguments = {action, role, site_.config.scope}});
  if (!command) return telemetry::error("{}", command.error().message);
  auto& line = callback.action == ha::CallbackAction::on_reload ? reloads_ : changes_;
  // Its process group: it leads one of its own, and its number is ours until serve() has seen its end.
  if (line.running && line.running->alive()) {
    ::kill(-line.running->pid(), SIGKILL);
    telemetry::warning("killed a callback that was still running when {} {} was due", action, role);
  }
  line.next = std::move(*command);
  line.what = action + " " + role;
  line.wanted.set();
}

base::Task<void> Callbacks::serve(Line& line) {
  for (;;) {
    co_await line.wanted.wait();
    line.wanted.clear();
    if (!line.next) continue;
    const auto command = *std::exchange(line.next, std::nullopt);
    telemetry::info("callback {}", line.what);
    // Straight into our log: a pipe would break when the agent ends before the callback does.
    auto process = system::start_process(command, {.output = STDERR_FILENO, .errors = STDERR_FILENO});
    if (!process) {
      telemetry::error("callback {}: {}", line.what, process.error().message);
      continue;
    }
    line.running.emplace(std::move(*process));
    co_await line.running->ended(site_.runtime);
    line.running.reset();
  }
}

}  // namespace holdfast::postgres
