// What anybody may ask: nothing here changes anything, and nothing is answered from memory that can be looked
// at.
#include <boost/json/value.hpp>

#include "agent/rest_api.hpp"
#include "ha/candidate.hpp"
#include "ha/failsafe.hpp"
#include "ha/watchdog.hpp"
#include "patroni/failsafe_json.hpp"
#include "patroni/health_checks.hpp"
#include "patroni/metrics_text.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kReadTime = 3s;

std::string query_of(const net::HttpRequest& request) {
  const auto question = request.target.find('?');
  return question == std::string::npos ? std::string() : request.target.substr(question + 1);
}

// Over REST without the time by which the agent tells whether PostgreSQL was restarted meanwhile.
boost::json::object shown_restart(boost::json::object scheduled) {
  if (auto* const at = scheduled.find("postmaster_start_time"); at != scheduled.end())
    scheduled.stable_erase(at);
  return scheduled;
}

}  // namespace

base::Task<net::HttpResponse> RestApi::get_history(const Request&) {
  co_return json_answer(200, patroni::history_body(agent_.contents().history));
}

base::Task<net::HttpResponse> RestApi::get_cluster(const Request&) {
  const auto fresh = co_await read_cluster();
  co_return json_answer(200,
                        patroni::cluster_body(fresh ? *fresh : agent_.contents(), agent_.config().scope));
}

base::Task<net::HttpResponse> RestApi::get_config(const Request&) {
  const auto& config = agent_.contents().config;
  co_return config ? json_answer(200, patroni::config_body(*config)) : error_answer(502);
}

base::Task<net::HttpResponse> RestApi::get_patroni(const Request&) {
  const auto instance = co_await agent_.look_at_postgres();
  co_return json_answer(200, patroni::status_body(node_status(instance)));
}

base::Task<net::HttpResponse> RestApi::get_metrics(const Request&) {
  const auto instance = co_await agent_.look_at_postgres();
  co_return net::HttpResponse{200, "text/plain", patroni::metrics_text(node_status(instance)), {}};
}

// And /readiness: for who asks only whether, never what.
base::Task<net::HttpResponse> RestApi::get_liveness(const Request& request) {
  if (request.path() == "/liveness") agent_.note_liveness_asked();
  const auto instance = co_await agent_.look_at_postgres();
  const auto query = patroni::parse_query(query_of(request));
  co_return net::HttpResponse{
      .status = patroni::health_status(request.path(), query, node_status(instance)).value_or(503)};
}

base::Task<net::HttpResponse> RestApi::get_failsafe(const Request&) {
  const auto& view = agent_.contents().view;
  if (view.failsafe_revision == 0) co_return error_answer(502);
  co_return json_answer(200, patroni::failsafe_body(view.failsafe));
}

base::Task<net::HttpResponse> RestApi::check_health(const Request& request) {
  const auto instance = co_await agent_.look_at_postgres();
  const auto node = node_status(instance);
  const auto query = patroni::parse_query(query_of(request));
  const int status = patroni::health_status(request.path(), query, node).value_or(503);
  if (request.method != "GET") co_return net::HttpResponse{.status = status};
  co_return json_answer(status, patroni::status_body(node));
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
  node.watchdog_failed = ha::watchdog_failed(s);
  node.tags = config.tags;
  node.tags_json = config.tags_json;
  node.scheduled_restart = shown_restart(agent_.commands().scheduled_restart());
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
  node.is_leader = right_holds && (contents.view.led_by(config.name) || ha::leads_in_failsafe(s));
  node.dcs_available = s.cluster.has_value();
  node.cluster_unlocked = !s.cluster || !s.cluster->leader;
  node.failsafe_active = agent_.failsafe_active();
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
  if (agent_.commands().reinitializes()) {
    const auto progress = agent_.progress().value_or(ports::Progress{.doing = "waiting"});
    node.reinitialize = {progress.doing, progress.share};
  }
  if (const auto last = agent_.commands().last_reinitialize(); last != Commands::Reinitialize::none)
    node.last_reinitialize = last == Commands::Reinitialize::done ? "completed" : "cancelled";
  if (contents.view.leader) node.epoch = contents.view.leader->epoch;
  node.confirms_nothing_since = ha::confirms_nothing_since(s, instance);
  return node;
}

base::Task<base::Result<patroni::DcsContents>> RestApi::read_cluster() {
  auto& world = agent_.world();
  const auto snapshot = co_await world.dcs.read(agent_.keys().prefix(), world.clock.now() + kReadTime);
  if (!snapshot) co_return std::unexpected(snapshot.error());
  co_return patroni::read_contents(agent_.keys(), snapshot->revision, snapshot->entries);
}

}  // namespace holdfast::agent
