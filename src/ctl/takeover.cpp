#include "ctl/takeover.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <fmt/format.h>

#include "base/base64.hpp"
#include "patroni/host_port.hpp"
#include "patroni/json_text.hpp"
#include "patroni/keys.hpp"
#include "patroni/rest_json.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;
using base::ErrorKind;
using base::Result;

constexpr base::Duration kPatience = std::chrono::seconds(10);  // for one answer of etcd or a member
constexpr base::Duration kStopPatience = std::chrono::seconds(60);
constexpr base::Duration kLookAgain = std::chrono::milliseconds(500);
constexpr std::string_view kSupportedVersion = "15";

// What an agent says of itself and its PostgreSQL, GET /patroni.
struct AgentStatus {
  bool ours = false;
  std::string version, scope, name, state, role, replication, system_id;
};

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? patroni::scalar_text(*value).value_or("") : "";
}

AgentStatus read_status(const json::object& body) {
  AgentStatus status{.ours = body.contains("holdfast"),
                     .state = text_at(body, "state"),
                     .role = text_at(body, "role"),
                     .replication = text_at(body, "replication_state"),
                     .system_id = text_at(body, "database_system_identifier")};
  if (const auto* patroni = body.if_contains("patroni"); patroni && patroni->is_object()) {
    status.version = text_at(patroni->get_object(), "version");
    status.scope = text_at(patroni->get_object(), "scope");
    status.name = text_at(patroni->get_object(), "name");
  }
  if (status.role == "master") status.role = "primary";
  return status;
}

std::string kind_of(bool ours) { return ours ? "Holdfast" : "Patroni"; }

// What was seen before anything is done.
struct Before {
  patroni::DcsContents contents;
  AgentProcess agent;
  AgentStatus status;
  PostmasterProcess postmaster;
  bool leads = false;
};

class Takeover {
 public:
  Takeover(TakeoverWorld& world, TakeoverStep step)
      : world_(world), step_(step), keys_(world.config.dcs_namespace, world.config.scope) {}

  base::Task<int> run() {
    const auto before = co_await look();
    for (const auto& warning : world_.config_warnings) note(warning);
    if (!before || problems_ > 0) {
      say(fmt::format("{} in the way; nothing was done",
                      problems_ == 1 ? "1 thing is" : fmt::format("{} things are", problems_)));
      co_return 1;
    }
    if (step_ == TakeoverStep::check) {
      say(fmt::format("nothing is in the way of a takeover of {}", world_.config.name));
      co_return 0;
    }
    co_return co_await exchange(*before);
  }

 private:
  bool to_ours() const { return step_ != TakeoverStep::rollback; }
  base::Instant soon() { return world_.runtime.clock().now() + kPatience; }

  void say(std::string_view text) { world_.terminal.out(fmt::format("{}\n", text)); }
  void good(std::string_view text) { say(fmt::format("ok       {}", text)); }
  void note(std::string_view text) { say(fmt::format("note     {}", text)); }
  void problem(std::string_view text) {
    say(fmt::format("PROBLEM  {}", text));
    ++problems_;
  }

  // ---- looking ----

  base::Task<Result<patroni::DcsContents>> read_cluster() {
    const auto snapshot = co_await world_.dcs.read(keys_.prefix(), soon());
    if (!snapshot) co_return std::unexpected(snapshot.error());
    co_return patroni::read_contents(keys_, snapshot->revision, snapshot->entries);
  }

  base::Task<Result<net::HttpResponse>> ask(std::string url_text, std::string method, std::string target,
                                            std::string body) {
    const auto url = net::parse_http_url(url_text);
    if (!url) co_return std::unexpected(url.error());
    net::HttpRequest request{
        .method = std::move(method), .target = std::move(target), .headers = {}, .body = std::move(body)};
    const auto& ctl = world_.config.ctl;
    if (!ctl.username.empty())
      request.headers.emplace_back("Authorization",
                                   "Basic " + base::to_base64(ctl.username + ":" + ctl.password));
    co_return co_await world_.http.send(url->endpoint, std::move(request), soon());
  }

  base::Task<Result<AgentStatus>> ask_agent(std::string api_url) {
    const auto answer = co_await ask(std::move(api_url), "GET", "/patroni", "");
    if (!answer) co_return std::unexpected(answer.error());
    const auto body = patroni::parse_json_object(answer->body);
    if (!body) co_return std::unexpected(body.error());
    co_return read_status(*body);
  }

  base::Task<std::optional<Before>> look() {
    Before before;
    auto contents = co_await read_cluster();
    if (!contents) {
      problem("etcd does not answer: " + contents.error().message);
      co_return std::nullopt;
    }
    before.contents = std::move(*contents);
    if (!look_at_cluster(before)) co_return std::nullopt;
    const auto status = co_await ask_agent(before.contents.view.member(world_.config.name)->api_url);
    if (!status) {
      problem(fmt::format("the agent of {} does not answer: {}", world_.config.name, status.error().message));
      co_return std::nullopt;
    }
    before.status = *status;
    look_at_status(before);
    if (!look_at_processes(before)) co_return std::nullopt;
    co_return before;
  }

  bool look_at_cluster(Before& before) {
    const auto& view = before.contents.view;
    const auto& name = world_.config.name;
    for (const auto& entry : before.contents.problems) problem(entry);
    if (!view.initialize || view.initialize->empty() || !before.contents.config) {
      problem(fmt::format("etcd has no cluster {} that is up below {}", world_.config.scope,
                          world_.config.dcs_namespace));
      return false;
    }
    if (!view.leader) problem("the cluster has no leader");
    if (view.failover) problem("a switchover or failover is asked for; wait for its end, or flush it");
    if (patroni::is_paused(*before.contents.config)) note("the cluster is paused, and will stay so");
    const auto* member = view.member(name);
    if (!member || member->api_url.empty()) {
      problem(fmt::format("etcd has no running member {} in cluster {}", name, world_.config.scope));
      return false;
    }
    before.leads = view.led_by(name);
    // Patroni would write its own postgresql.conf, without the file that holds synchronous_standby_names, and
    // go by /sync: commits would wait for nobody while a standby stays electable.
    if (!to_ours() && before.leads && view.sync && !view.sync->standbys.empty())
      problem(fmt::format("{} leads a synchronous cluster: switch over first, and give it back as a replica",
                          name));
    good(fmt::format("etcd: cluster {}, {} members, led by {}", world_.config.scope, view.members.size(),
                     view.leader ? view.leader->name : "nobody"));
    return true;
  }

  void look_at_status(const Before& before) {
    const auto& status = before.status;
    const bool wanted_ours = !to_ours();
    if (status.ours != wanted_ours)
      problem(fmt::format("the agent of {} is {} already", world_.config.name, kind_of(status.ours)));
    else
      good(fmt::format("agent: {} {}", kind_of(status.ours),
                       status.ours ? "(as Patroni " + status.version + ")" : status.version));
    if (!status.name.empty() && status.name != world_.config.name)
      problem(fmt::format("another node answers at our address: {}", status.name));
    if (!status.scope.empty() && status.scope != world_.config.scope)
      problem(fmt::format("the agent is of cluster {}, the file of {}", status.scope, world_.config.scope));
    if (status.state != "running" && status.state != "streaming")
      problem(fmt::format("PostgreSQL is {}; it must run", status.state));
    const auto& initialize = before.contents.view.initialize;
    if (!status.system_id.empty() && status.system_id != *initialize)
      problem(fmt::format("PostgreSQL is of system {}, the cluster of {}", status.system_id, *initialize));
  }

  bool look_at_processes(Before& before) {
    const auto& config = world_.config;
    const auto agent = world_.host.agent_at(config.restapi.listen.front().port);
    if (!agent || !*agent) {
      problem(agent ? fmt::format("no process of this machine listens at port {}: run this on the node "
                                  "itself, as root or as the agent's user",
                                  config.restapi.listen.front().port)
                    : agent.error().message);
      return false;
    }
    before.agent = **agent;
    if (before.agent.unit_ends_children)
      problem(fmt::format(
          "{} would stop PostgreSQL with the agent: set KillMode=process in it, and systemctl daemon-reload",
          before.agent.unit));
    const auto postmaster = world_.host.postmaster_of(config.postgresql.data_dir);
    if (!postmaster) {
      problem(fmt::format("no PostgreSQL runs in {}", config.postgresql.data_dir));
      return false;
    }
    before.postmaster = *postmaster;
    if (postmaster->version != kSupportedVersion)
      problem(fmt::format("PostgreSQL {} is not supported, {} is", postmaster->version, kSupportedVersion));
    if (postmaster->uid != before.agent.uid) note("the agent and PostgreSQL run as different users");
    good(fmt::format("processes: agent {}{}, PostgreSQL {}", before.agent.pid,
                     before.agent.unit.empty() ? "" : fmt::format(" ({})", before.agent.unit),
                     before.postmaster.pid));
    return true;
  }

  // ---- doing ----

  base::Task<int> exchange(Before before) {
    const bool was_paused = patroni::is_paused(*before.contents.config);
    const auto next = next_agent(before);
    if (!next) {
      problem(next.error().message);
      co_return 1;
    }
    if (const auto paused = co_await set_pause(before, true); !paused) {
      problem("pausing the cluster: " + paused.error().message);
      if (was_paused) co_return 1;
      if (const auto undone = co_await ask_for_pause(before, false); !undone) co_return give_up();
      say("the cluster was resumed; nothing was done");
      co_return 1;
    }
    good("the cluster is paused");
    const auto began = world_.runtime.clock().now();
    if (const auto stopped = co_await world_.host.stop(before.agent, began + kStopPatience); !stopped) {
      problem("stopping the agent: " + stopped.error().message);
      co_return give_up();
    }
    good(fmt::format("{} has ended, PostgreSQL {} goes on", kind_of(before.status.ours),
                     before.postmaster.pid));
    auto there = same_postmaster(before);
    if (there) there = world_.host.start(*next);
    if (there) there = co_await await_agent(before, next->unit);
    if (!there) {
      problem(there.error().message);
      co_return co_await bring_back(before);
    }
    const auto took = world_.runtime.clock().now() - began;
    good(fmt::format("{} is the agent of {} now, {} after the other; PostgreSQL was not restarted",
                     kind_of(to_ours()), world_.config.name, base::to_string(took)));
    if (!was_paused)
      if (const auto resumed = co_await set_pause(before, false); !resumed) {
        problem("resuming the cluster: " + resumed.error().message + "; do it by hand: patronictl resume");
        co_return 1;
      }
    say(fmt::format("{} belongs to {} now{}", world_.config.name, kind_of(to_ours()),
                    was_paused ? "; the cluster is paused as before" : ""));
    hint_units(before, *next);
    co_return 0;
  }

  Result<AgentProcess> next_agent(const Before& before) {
    if (!to_ours()) return world_.host.read_record();
    if (const auto kept = world_.host.keep_record(before.agent); !kept) return std::unexpected(kept.error());
    return world_.host.ours_instead_of(before.agent);
  }

  Result<void> same_postmaster(const Before& before) {
    const auto now = world_.host.postmaster_of(world_.config.postgresql.data_dir);
    if (now && *now == before.postmaster) return {};
    return base::fail(ErrorKind::failed, "PostgreSQL {} is gone", before.postmaster.pid);
  }

  // By the first member that takes it.
  base::Task<Result<void>> ask_for_pause(const Before& before, bool pause) {
    const json::object body{{"pause", pause ? json::value(true) : json::value(nullptr)}};
    const auto text = patroni::to_json_text(body, patroni::JsonLayout::spaced);
    Result<void> asked = base::fail(ErrorKind::unreachable, "no member answers");
    for (const auto& member : before.contents.view.members) {
      if (member.api_url.empty()) continue;
      const auto answer = co_await ask(member.api_url, "PATCH", "/config", text);
      if (answer && answer->status == 200) co_return Result<void>();
      asked = base::fail(ErrorKind::refused, "{}: {}", member.name,
                         answer ? answer->body : answer.error().message);
    }
    co_return asked;
  }

  // Each member acknowledges in its entry that it knows of the pause: one that does not would stop PostgreSQL
  // with itself, or take the leadership of a node without an agent.
  base::Task<Result<void>> await_pause(bool pause) {
    const auto deadline = world_.runtime.clock().now() + std::chrono::seconds(30);
    while (world_.runtime.clock().now() < deadline) {
      if (const auto now = co_await read_cluster(); now && all_know(*now, pause)) co_return Result<void>();
      co_await world_.runtime.clock().sleep_until(world_.runtime.clock().now() + kLookAgain);
    }
    co_return base::fail(ErrorKind::timed_out, "not all members have noticed within 30 s");
  }

  base::Task<Result<void>> set_pause(const Before& before, bool pause) {
    if (patroni::is_paused(*before.contents.config))
      co_return co_await await_pause(true);  // by somebody else
    if (auto asked = co_await ask_for_pause(before, pause); !asked) co_return asked;
    co_return co_await await_pause(pause);
  }

  static bool all_know(const patroni::DcsContents& contents, bool pause) {
    return std::ranges::all_of(contents.members, [&](const auto& entry) {
      return entry.second.api_url.empty() || entry.second.pause == pause;
    });
  }

  // The new agent answers, of the right kind, with the same PostgreSQL in the same role; a leader leads
  // again.
  base::Task<Result<void>> await_agent(const Before& before, std::string unit) {
    const auto patience =
        std::chrono::seconds(90);  // longer than a ttl, after which a leader key is free again
    const auto deadline = world_.runtime.clock().now() + patience;
    std::string last = "it does not answer";
    const auto api_url = before.contents.view.member(world_.config.name)->api_url;
    while (world_.runtime.clock().now() < deadline) {
      co_await world_.runtime.clock().sleep_until(world_.runtime.clock().now() + kLookAgain);
      if (const auto same = same_postmaster(before); !same) co_return same;
      const auto status = co_await ask_agent(api_url);
      if (!status) {
        last = status.error().message;
        continue;
      }
      if (status->ours != to_ours())
        co_return base::fail(ErrorKind::failed, "the agent that answers is {} again{}", kind_of(status->ours),
                             unit.empty() ? "" : ": who started it?");
      last = fmt::format("it is {} and {} {}", status->role, status->state, status->replication);
      if (status->state != "running" || status->role != before.status.role) continue;
      // Older Patronis do not say how they replicate.
      const bool silent = !status->ours && status->replication.empty();
      if (before.status.replication == "streaming" && status->replication != "streaming" && !silent) continue;
      const auto contents = co_await read_cluster();
      if (!contents || !contents->view.member(world_.config.name)) continue;
      if (!before.leads || contents->view.led_by(world_.config.name)) co_return Result<void>();
      last = "it does not hold the leader key";
    }
    co_return base::fail(ErrorKind::timed_out, "the new agent is not well after {}: {}",
                         base::to_string(patience), last);
  }

  base::Task<int> bring_back(const Before& before) {
    const auto now = world_.host.agent_at(world_.config.restapi.listen.front().port);
    if (now && *now)
      if (const auto stopped = co_await world_.host.stop(**now, world_.runtime.clock().now() + kStopPatience);
          !stopped)
        problem("stopping the new agent: " + stopped.error().message);
    if (const auto started = world_.host.start(before.agent); !started)
      problem("starting the former agent again: " + started.error().message);
    else
      note(fmt::format("{} was started again", kind_of(before.status.ours)));
    co_return give_up();
  }

  int give_up() {
    say("the cluster is left paused: look at it, then resume it");
    return 1;
  }

  void hint_units(const Before& before, const AgentProcess& next) {
    if (before.agent.unit.empty()) return;
    say(fmt::format("after a reboot: systemctl disable {} && systemctl enable {}", before.agent.unit,
                    next.unit));
  }

  TakeoverWorld& world_;
  TakeoverStep step_;
  patroni::Keys keys_;
  int problems_ = 0;
};

}  // namespace

base::Task<int> take_over(TakeoverWorld& world, TakeoverStep step) {
  Takeover takeover(world, step);
  co_return co_await takeover.run();
}

}  // namespace holdfast::ctl
