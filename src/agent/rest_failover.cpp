#include "agent/rest_api.hpp"
#include "ha/control.hpp"
#include "patroni/failsafe_json.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;
using patroni::FailoverAction;
using patroni::RestAnswer;

constexpr base::Duration kWriteTime = 3s;
constexpr base::Duration kPeerTime = 2s;
constexpr base::Duration kOutcomeLook = 50ms;
// A switchover stops one server and promotes another; a stop alone may take pg_ctl's minute.
constexpr base::Duration kOutcomeTime = 90s;

}  // namespace

base::Task<net::HttpResponse> RestApi::post_switchover(const Request& request) {
  if (auto body = json_body(request, Body::required); !body) co_return std::move(body.error());
  co_return text_answer(co_await fail_over(FailoverAction::switchover, request.body));
}

base::Task<net::HttpResponse> RestApi::post_failover(const Request& request) {
  if (auto body = json_body(request, Body::required); !body) co_return std::move(body.error());
  co_return text_answer(co_await fail_over(FailoverAction::failover, request.body));
}

base::Task<net::HttpResponse> RestApi::delete_switchover(const Request&) {
  auto& world = agent_.world();
  const auto contents = co_await read_cluster();
  if (!contents) co_return error_answer(503);
  const auto& request = contents->view.failover;
  if (!request || !request->scheduled_at) co_return text_answer(404, "no switchover is scheduled");
  const auto key = agent_.keys().failover();
  ports::Transaction clear{{ports::Compare::unchanged_since(key, request->mod_revision)},
                           {ports::Delete{key}}};
  const auto cleared = co_await world.dcs.commit(std::move(clear), world.clock.now() + kWriteTime);
  if (!cleared) co_return error_answer(409);
  co_return text_answer(200, "scheduled switchover deleted");
}

base::Task<RestAnswer> RestApi::fail_over(FailoverAction action, std::string body) {
  auto& world = agent_.world();
  const auto contents = co_await read_cluster();
  if (!contents) co_return patroni::request_not_written();
  auto accepted = patroni::read_failover_request(action, body, *contents, world.clock.wall_time());
  if (!accepted) co_return accepted.error();
  if (!accepted->candidates.empty()) {
    const bool possible = co_await any_can_take_over(accepted->candidates, *contents);
    if (!possible) co_return patroni::no_good_candidates(accepted->action);
  }
  const auto key = agent_.keys().failover();
  const auto seen = contents->view.failover_revision;  // of Patroni's {}, too, which asks for nothing
  ports::Transaction ask{{ports::Compare::unchanged_since(key, seen)},
                         {ports::Put{key, patroni::write_failover(accepted->request)}}};
  const auto written = co_await world.dcs.commit(std::move(ask), world.clock.now() + kWriteTime);
  if (!written) co_return patroni::request_not_written();
  if (accepted->request.scheduled_at) co_return patroni::request_scheduled(accepted->action);
  agent_.wake();
  const auto epoch = contents->view.leader ? contents->view.leader->epoch : 0;
  co_return co_await await_outcome(std::move(*accepted), epoch, *written);
}

base::Task<bool> RestApi::any_can_take_over(std::vector<ha::MemberName> candidates,
                                            const patroni::DcsContents& contents) {
  auto& world = agent_.world();
  for (const auto& name : candidates) {
    const auto* member = contents.view.member(name);
    if (!member) continue;
    const auto answer = co_await world.peers.status(member->api_url, world.clock.now() + kPeerTime);
    if (answer && answer->running && answer->in_recovery && !member->tags.nofailover) co_return true;
  }
  co_return false;
}

base::Task<RestAnswer> RestApi::await_outcome(patroni::AcceptedRequest accepted, ha::Epoch epoch,
                                              ha::Revision written) {
  auto& clock = agent_.world().clock;
  const auto began = clock.now();
  while (clock.now() < began + kOutcomeTime) {
    co_await clock.sleep_until(clock.now() + kOutcomeLook);
    const auto contents = co_await read_cluster();
    if (!contents) continue;  // etcd is silent: unknown, ask again
    const auto& view = contents->view;
    if (view.leader && view.leader->epoch > epoch) {
      const auto* leader = view.member(view.leader->name);
      if (leader &&
          (leader->role == ha::MemberRole::primary || leader->role == ha::MemberRole::standby_leader))
        co_return patroni::request_done(accepted.action, accepted.request, view.leader->name);
    } else if (view.leader && (!view.failover || view.failover->mod_revision != written)) {
      co_return patroni::request_failed(accepted.action);
    }
  }
  co_return patroni::request_unfinished(accepted.action, kOutcomeTime);
}

// A leader that has lost etcd asks whether it may go on; ha/failsafe.hpp.
base::Task<net::HttpResponse> RestApi::post_failsafe(const Request& request) {
  auto asked = patroni::parse_failsafe_request(request.body);
  if (!asked) co_return text_answer(400, asked.error().message);
  const auto reply = co_await agent_.answer_failsafe(std::move(*asked));
  if (!reply) co_return error_answer(502);
  if (!reply->refusal.empty()) co_return text_answer(500, reply->refusal);
  auto accepted = text_answer(200, "Accepted");
  if (reply->position) accepted.headers.emplace_back("lsn", std::to_string(reply->position->value));
  co_return accepted;
}

}  // namespace holdfast::agent
