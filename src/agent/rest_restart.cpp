#include <boost/json/value.hpp>

#include "agent/rest_api.hpp"
#include "ha/control.hpp"
#include "patroni/json_text.hpp"
#include "patroni/restart_request.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;
using patroni::RestAnswer;

constexpr base::Duration kOutcomeLook = 50ms;
// A stop may take pg_ctl's minute before it becomes an immediate one; the start has a time of its own.
constexpr base::Duration kStopTime = 95s;

bool flag(const boost::json::object& body, std::string_view key) {
  const auto* value = body.if_contains(key);
  return value && patroni::boolean_of(*value).value_or(false);
}

}  // namespace

bool RestApi::paused() const {
  const auto& config = agent_.contents().config;
  return config ? patroni::is_paused(*config) : ha::paused(agent_.situation());
}

base::Task<net::HttpResponse> RestApi::post_restart(const Request& request) {
  const auto body = json_body(request, Body::optional);
  if (!body) co_return body.error();
  const auto now = agent_.world().clock.wall_time();
  const auto asked = patroni::read_restart_request(*body, paused(), now);
  if (!asked) co_return text_answer(asked.error());
  if (!asked->at) co_return text_answer(co_await restart_now(asked->conditions));
  ha::ScheduledRestart scheduled{
      .conditions = asked->conditions, .at = *asked->at, .postmaster_started_at = {}};
  if (!agent_.commands().schedule_restart(std::move(scheduled), asked->as_asked))
    co_return text_answer(409, "Another restart is already scheduled");
  telemetry::info("a restart is scheduled for {}", base::to_iso8601(*asked->at));
  agent_.wake();
  co_return text_answer(202, "Restart scheduled");
}

base::Task<RestAnswer> RestApi::restart_now(ha::RestartConditions conditions) {
  auto& commands = agent_.commands();
  auto& clock = agent_.world().clock;
  const auto start_time = conditions.timeout.value_or(agent_.situation().settings.primary_start_timeout);
  if (auto obstacle = commands.ask_restart(std::move(conditions)))
    co_return RestAnswer{503, std::move(*obstacle)};
  agent_.wake();
  const auto until = clock.now() + kStopTime + start_time;
  while (clock.now() < until) {
    co_await clock.sleep_until(clock.now() + kOutcomeLook);
    if (commands.last_restart() == Commands::Restart::done)
      co_return RestAnswer{200, "restarted successfully"};
    if (commands.last_restart() == Commands::Restart::failed) co_return RestAnswer{503, "restart failed"};
  }
  commands.give_up_restart();
  co_return RestAnswer{503, "postgres is still starting"};
}

base::Task<net::HttpResponse> RestApi::delete_restart(const Request&) {
  if (!agent_.commands().drop_scheduled_restart()) co_return text_answer(404, "no restarts are scheduled");
  agent_.wake();
  co_return text_answer(200, "scheduled restart deleted");
}

// A body that is no JSON object is answered with 400 before anything is begun; Patroni answers it, and goes
// on.
base::Task<net::HttpResponse> RestApi::post_reinitialize(const Request& request) {
  const auto body = json_body(request, Body::optional);
  if (!body) co_return body.error();
  if (auto obstacle = agent_.commands().ask_reinitialize(
          {.from_leader = flag(*body, "from_leader"), .force = flag(*body, "force")}))
    co_return text_answer(503, std::move(*obstacle));
  agent_.wake();
  co_return text_answer(200, "reinitialize started");
}

// Ours: what was there before is kept, so giving up costs nothing.
base::Task<net::HttpResponse> RestApi::delete_reinitialize(const Request&) {
  if (!agent_.commands().give_up_reinitialize()) co_return text_answer(404, "no reinitialize is in progress");
  agent_.wake();
  co_return text_answer(200, "reinitialize cancelled");
}

}  // namespace holdfast::agent
