#include "agent/rest_api.hpp"

#include <algorithm>
#include <openssl/crypto.h>

#include "base/base64.hpp"
#include "ha/rules.hpp"
#include "patroni/health_checks.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;
using net::HttpRequest;
using net::HttpResponse;
using patroni::FailoverAction;
using patroni::RestAnswer;

constexpr base::Duration kReadTime = 3s;
constexpr base::Duration kPeerTime = 2s;
constexpr base::Duration kOutcomeLook = 50ms;
// A switchover stops one server and promotes another; a stop alone may take pg_ctl's minute.
constexpr base::Duration kOutcomeTime = 90s;

HttpResponse json(int status, std::string body) { return {status, "application/json", std::move(body), {}}; }
// Patroni labels its plain answers so.
HttpResponse text(int status, std::string body) { return {status, "text/html", std::move(body), {}}; }
HttpResponse text(const RestAnswer& answer) { return text(answer.status, answer.text); }

bool is_read(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS";
}

// Takes as long for a wrong password as for a right one.
bool equal_secrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

base::Task<HttpResponse> RestApi::handle(HttpRequest request) {
  if (is_read(request)) co_return co_await answer_read(request);
  if (auto refusal = refuse_caller(request)) co_return std::move(*refusal);
  co_return co_await answer_write(request);
}

std::optional<HttpResponse> RestApi::refuse_caller(const HttpRequest& request) const {
  const auto& config = agent_.config().restapi;
  if (config.verify_client != patroni::RestApiConfig::VerifyClient::none &&
      !request.client_certificate_verified)
    return text(403, "client certificate required");
  if (config.username.empty() && config.password.empty()) return std::nullopt;
  const auto expected = "Basic " + base::to_base64(config.username + ":" + config.password);
  const auto given = request.header("authorization");
  if (given && equal_secrets(*given, expected)) return std::nullopt;
  auto refusal = text(401, given ? "not authenticated" : "no auth header received");
  refusal.headers.emplace_back("WWW-Authenticate", "Basic realm=\"Holdfast\"");
  return refusal;
}

// Reading
// ----------------------------------------------------------------------------------------------------

base::Task<HttpResponse> RestApi::answer_read(const HttpRequest& request) {
  const auto path = request.path();
  if (path == "/liveness") agent_.note_liveness_asked();
  const auto& contents = agent_.contents();
  if (path == "/history") co_return json(200, patroni::history_body(contents.history));
  if (path == "/cluster") {
    const auto fresh = co_await read_cluster();
    co_return json(200, patroni::cluster_body(fresh ? *fresh : contents, agent_.config().scope));
  }
  if (path == "/config") {
    if (contents.config) co_return json(200, patroni::config_body(*contents.config));
    co_return text(502, "");
  }
  const auto instance = co_await agent_.look_at_postgres();
  const auto node = node_status(instance);
  if (path == "/patroni") co_return json(200, patroni::status_body(node));
  const auto question = request.target.find('?');
  const auto query = question == std::string::npos ? std::string() : request.target.substr(question + 1);
  const int status = patroni::health_status(path, patroni::parse_query(query), node).value_or(503);
  co_return request.method == "OPTIONS" ? HttpResponse{.status = status}
                                        : json(status, patroni::status_body(node));
}

patroni::NodeStatus RestApi::node_status(const ha::Instance& instance) const {
  const auto& s = agent_.situation();
  const auto& config = agent_.config();
  const auto& contents = agent_.contents();
  patroni::NodeStatus node;
  node.scope = config.scope;
  node.name = config.name;
  node.version = patroni::kPatroniVersion;
  node.holdfast = HOLDFAST_VERSION;
  if (contents.view.initialize) node.system_id = *contents.view.initialize;
  const auto member = agent_.member_value();
  node.state = member.state;
  node.role = member.role;
  node.tags = config.tags;
  node.tags_json = config.tags_json;
  if (const auto& status = instance.status) {
    patroni::ServerAnswers server;
    server.started_at = status->started_at.value_or(base::WallTime{});
    server.version = status->server_version;
    server.in_recovery = status->in_recovery;
    server.timeline = status->timeline;
    server.location = status->position;
    server.received = status->received;
    server.replayed = status->replayed;
    server.replayed_timestamp = status->replayed_at;
    server.replay_paused = status->replay_paused;
    server.latest_end = status->latest_end;
    if (status->in_recovery)
      server.replication_state = status->receiver_streaming ? "streaming" : "in archive recovery";
    for (const auto& standby : status->standbys)
      server.replication.push_back({standby.user, standby.name, standby.client_address, standby.state,
                                    standby.sync_state, standby.sync_priority});
    node.server = std::move(server);
    node.pending_restart_reason = patroni::pending_restart_reason(status->pending_restart);
  } else if (instance.process == ha::Process::stopped && node.state == ha::MemberState::running) {
    node.state = ha::MemberState::stopped;  // it ended since the loop last looked
  }
  const bool right_holds = s.local.right_until && agent_.world().clock.now() < *s.local.right_until;
  node.is_leader = right_holds && contents.view.led_by(config.name);
  node.dcs_available = s.cluster.has_value();
  node.cluster_unlocked = !s.cluster || !s.cluster->leader;
  if (contents.config) {
    node.paused = patroni::is_paused(*contents.config);
    node.standby_cluster = patroni::is_standby_cluster(*contents.config);
    node.quorum_mode = patroni::is_quorum_mode(*contents.config);
    node.synchronous = patroni::is_synchronous_mode(*contents.config) &&
                       patroni::is_sync_standby(contents.view, config.name);
  }
  node.leader_position = contents.view.status.optime;
  node.maximum_lag_on_failover = s.settings.maximum_lag_on_failover;
  if (const auto seen = agent_.etcd_last_seen())
    node.dcs_last_seen = std::chrono::duration_cast<std::chrono::seconds>(seen->time_since_epoch()).count();
  node.since_last_look = agent_.world().clock.now() - s.now;
  node.ttl = s.settings.ttl;
  if (contents.view.leader) node.epoch = contents.view.leader->epoch;
  return node;
}

base::Task<base::Result<patroni::DcsContents>> RestApi::read_cluster() {
  auto& world = agent_.world();
  const auto snapshot = co_await world.dcs.read(agent_.keys().prefix(), world.clock.now() + kReadTime);
  if (!snapshot) co_return std::unexpected(snapshot.error());
  co_return patroni::read_contents(agent_.keys(), snapshot->revision, snapshot->entries);
}

// Writing
// ----------------------------------------------------------------------------------------------------

base::Task<HttpResponse> RestApi::answer_write(const HttpRequest& request) {
  const auto path = request.path();
  if (request.method == "POST" && path == "/switchover")
    co_return text(co_await fail_over(FailoverAction::switchover, request.body));
  if (request.method == "POST" && path == "/failover")
    co_return text(co_await fail_over(FailoverAction::failover, request.body));
  co_return text(501, fmt::format("{} {} is not offered by this node", request.method, path));
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
  const auto written = co_await world.dcs.commit(std::move(ask), world.clock.now() + kReadTime);
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
      if (leader && leader->role == ha::MemberRole::primary)
        co_return patroni::request_done(accepted.action, accepted.request, view.leader->name);
    } else if (view.leader && (!view.failover || view.failover->mod_revision != written)) {
      co_return patroni::request_failed(accepted.action);
    }
  }
  co_return patroni::request_unfinished(accepted.action, kOutcomeTime);
}

}  // namespace holdfast::agent
