// switchover and failover: ask what is missing, tell the leader, show what came of it. The texts are
// patronictl's.
#include <algorithm>
#include <boost/json.hpp>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "ctl/cluster_access.hpp"
#include "ctl/cluster_table.hpp"
#include "patroni/failover_request.hpp"
#include "patroni/json_text.hpp"
#include "patroni/rest_json.hpp"
#include "patroni/timestamp.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;
using patroni::FailoverAction;

// The member answers when the new leader leads, or gives up itself after 90 s at the latest.
constexpr base::Duration kPatience = std::chrono::seconds(100);
constexpr base::Duration kDcsPatience = std::chrono::seconds(5);

Failure failure(std::string message) { return {Exit::failed, std::move(message)}; }
std::unexpected<Failure> stop(std::string message) { return std::unexpected(failure(std::move(message))); }

std::string_view name_of(FailoverAction action) {
  return action == FailoverAction::switchover ? "switchover" : "failover";
}

// A question with a default; the end of input aborts.
Outcome<std::string> prompt(Session& session, const std::string& question, const std::string& preset) {
  const auto answer = session.terminal.ask(fmt::format("{} [{}]: ", question, preset));
  if (!answer) return stop("Aborted! (no answer; --force asks nothing)");
  return answer->empty() ? preset : *answer;
}

bool confirmed(Session& session, const std::string& question) {
  const auto answer = session.terminal.ask(question + " [y/N]: ");
  return answer && (*answer == "y" || *answer == "Y" || *answer == "yes");
}

// What the person wants, checked against the cluster.
struct Wanted {
  std::string leader, candidate;
  std::optional<base::WallTime> scheduled_at;
};

class Dialogue {
 public:
  Dialogue(Session& session, FailoverAction action, std::string scope, const patroni::DcsContents& contents)
      : session_(session), action_(action), scope_(std::move(scope)), contents_(contents) {
    if (contents.view.leader) leader_ = contents.view.leader->name;
    if (contents.config) config_ = *contents.config;
  }

  Outcome<Wanted> hold() {
    Wanted wanted;
    auto step = ask_leader(wanted);
    if (step) step = ask_candidate(wanted);
    if (step) step = ask_time(wanted);
    if (step) step = confirm(wanted);
    if (!step) return std::unexpected(step.error());
    return wanted;
  }

 private:
  bool asks() const { return !session_.arguments.force; }
  bool is_switchover() const { return action_ == FailoverAction::switchover; }

  Outcome<void> ask_leader(Wanted& wanted) {
    if (!is_switchover()) return {};
    if (leader_.empty()) return stop("This cluster has no leader");
    wanted.leader = session_.arguments.leader;
    if (wanted.leader.empty() && asks()) {
      const auto answer =
          prompt(session_, patroni::is_standby_cluster(config_) ? "Standby Leader" : "Primary", leader_);
      if (!answer) return std::unexpected(answer.error());
      wanted.leader = *answer;
    }
    if (wanted.leader.empty()) wanted.leader = leader_;
    if (wanted.leader != leader_)
      return stop(fmt::format("Member {} is not the leader of cluster {}", wanted.leader, scope_));
    return {};
  }

  Outcome<void> ask_candidate(Wanted& wanted) {
    std::vector<std::string> names;
    for (const auto& member : contents_.view.members)
      if (member.name != leader_ && !member.tags.nofailover) names.push_back(member.name);
    if (names.empty()) return stop(fmt::format("No candidates found to {} to", name_of(action_)));
    wanted.candidate = session_.arguments.candidate;
    if (wanted.candidate.empty() && asks()) {
      std::string shown;
      for (const auto& name : names) shown += (shown.empty() ? "'" : ", '") + name + "'";
      const auto answer = prompt(session_, fmt::format("Candidate [{}]", shown), "");
      if (!answer) return std::unexpected(answer.error());
      wanted.candidate = *answer;
    }
    return check_candidate(wanted.candidate, names);
  }

  Outcome<void> check_candidate(const std::string& candidate, const std::vector<std::string>& names) {
    if (candidate.empty() && is_switchover()) return {};
    if (candidate.empty()) return stop("Failover could be performed only to a specific candidate");
    if (candidate == leader_)
      return stop(fmt::format("Member {} is already the leader of cluster {}", candidate, scope_));
    if (std::ranges::find(names, candidate) == names.end())
      return stop(fmt::format("Member {} does not exist in cluster {} or is tagged as nofailover", candidate,
                              scope_));
    const auto& view = contents_.view;
    const bool may_lose_commits = !is_switchover() && patroni::is_synchronous_mode(config_) && view.sync &&
                                  !view.sync->leader.empty() && !patroni::is_sync_standby(view, candidate) &&
                                  view.sync->leader != candidate;
    if (asks() && may_lose_commits &&
        !confirmed(session_,
                   fmt::format("Are you sure you want to failover to the asynchronous node {}?", candidate)))
      return stop("Aborting failover");
    return {};
  }

  Outcome<void> ask_time(Wanted& wanted) {
    if (!is_switchover()) return {};
    auto text = session_.arguments.scheduled;
    if (!text && asks()) {
      const auto answer = prompt(
          session_, fmt::format("When should the switchover take place (e.g. {} ) ", next_hour()), "now");
      if (!answer) return std::unexpected(answer.error());
      text = *answer;
    }
    if (!text || text->empty() || *text == "now") return {};
    wanted.scheduled_at = local_or_zoned(*text);
    if (!wanted.scheduled_at)
      return stop(
          fmt::format("Unable to parse scheduled timestamp ({}). It should be in an unambiguous format "
                      "(e.g. ISO 8601)",
                      *text));
    if (patroni::is_paused(config_)) return stop("Can't schedule switchover in the paused state");
    return {};
  }

  Outcome<void> confirm(const Wanted& wanted) {
    if (!asks()) return {};
    const auto demoting =
        leader_.empty() ? std::string() : fmt::format(", demoting current leader {}", leader_);
    if (wanted.scheduled_at) {
      const auto when = base::to_iso8601(*wanted.scheduled_at);
      if (confirmed(session_,
                    fmt::format("Are you sure you want to schedule switchover of cluster {} at {}{}?", scope_,
                                when, demoting)))
        return {};
      return stop("Aborting scheduled switchover");
    }
    if (confirmed(session_, fmt::format("Are you sure you want to {} cluster {}{}?", name_of(action_), scope_,
                                        demoting)))
      return {};
    return stop(fmt::format("Aborting {}", name_of(action_)));
  }

  std::string next_hour() const {
    const auto later = local_timestamp(session_.runtime.clock().wall_time() + std::chrono::hours(1));
    auto text = later.substr(0, 16);  // YYYY-mm-dd HH:MM
    text[10] = 'T';
    return text;
  }

  // A time without a zone is this machine's.
  static std::optional<base::WallTime> local_or_zoned(std::string_view text) {
    const auto parsed = patroni::parse_timestamp(text);
    if (!parsed) return std::nullopt;
    if (parsed->has_zone) return parsed->time;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(parsed->time);
    const std::time_t as_if_utc = seconds.time_since_epoch().count();
    std::tm fields{};
    gmtime_r(&as_if_utc, &fields);
    fields.tm_isdst = -1;
    return base::WallTime(std::chrono::seconds(std::mktime(&fields))) + (parsed->time - seconds);
  }

  Session& session_;
  FailoverAction action_;
  std::string scope_;
  const patroni::DcsContents& contents_;
  std::string leader_;
  json::object config_;
};

std::string request_body(FailoverAction action, const Wanted& wanted) {
  json::object body{
      {"candidate", wanted.candidate.empty() ? json::value(nullptr) : json::value(wanted.candidate)}};
  if (action == FailoverAction::switchover) body["leader"] = wanted.leader;
  if (wanted.scheduled_at) body["scheduled_at"] = base::to_iso8601(*wanted.scheduled_at);
  return patroni::to_json_text(body, patroni::JsonLayout::spaced);
}

// Whom to ask, the leader first; any member can take the request.
std::vector<ha::Member> members_to_ask(const ha::ClusterView& view) {
  std::vector<ha::Member> members;
  for (const bool leader : {true, false})
    for (const auto& member : view.members)
      if (view.led_by(member.name) == leader && !member.api_url.empty()) members.push_back(member);
  return members;
}

// The answer of the first member that can be reached; nothing when none can. Once a request may have been
// taken it is not given to another member.
base::Task<std::optional<base::Result<net::HttpResponse>>> ask_members(Session& session,
                                                                       FailoverAction action,
                                                                       std::vector<ha::Member> members,
                                                                       std::string body) {
  for (const auto& member : members) {
    auto answer = co_await ask_member(session, member.api_url, "POST", fmt::format("/{}", name_of(action)),
                                      body, kPatience);
    if (answer || (answer.error().kind != base::ErrorKind::unreachable &&
                   answer.error().kind != base::ErrorKind::refused))
      co_return answer;
    session.terminal.err(
        fmt::format("Warning: member {} is not accessible: {}\n", member.name, answer.error().message));
  }
  co_return std::nullopt;
}

// Without any member's help: the request is left in etcd for whoever comes back.
base::Task<Outcome<void>> write_to_dcs(Session& session, const patroni::Keys& keys, ha::Revision seen,
                                       Wanted wanted) {
  ha::FailoverRequest request;
  if (!wanted.leader.empty()) request.leader = wanted.leader;
  if (!wanted.candidate.empty()) request.candidate = wanted.candidate;
  request.scheduled_at = wanted.scheduled_at;
  ports::Transaction transaction{{ports::Compare::unchanged_since(keys.failover(), seen)},
                                 {ports::Put{keys.failover(), patroni::write_failover(request)}}};
  const auto done =
      co_await session.dcs.commit(std::move(transaction), session.runtime.clock().now() + kDcsPatience);
  if (done) co_return Outcome<void>{};
  if (done.error().kind == base::ErrorKind::conflict)
    co_return stop("somebody else has just asked for a switchover or failover; nothing was done");
  co_return std::unexpected(Failure{Exit::dcs_unreachable, done.error().message});
}

// What the member's answer means for the person.
Exit tell(Session& session, FailoverAction action, const base::Result<net::HttpResponse>& answer) {
  const auto title = action == FailoverAction::switchover ? "Switchover" : "Failover";
  if (!answer) {
    session.terminal.err(
        fmt::format("Error: {} result unknown, it may still happen: {}\n", title, answer.error().message));
    return Exit::failed;
  }
  if (answer->status == 200 || answer->status == 202) {
    const auto now = local_timestamp(session.runtime.clock().wall_time());
    session.terminal.out(fmt::format("{} {}\n", now, answer->body));
    return Exit::ok;
  }
  const auto result = answer->body.contains("status unknown") ? "result unknown" : "failed";
  session.terminal.out(fmt::format("{} {}, details: {}, {}\n", title, result, answer->status, answer->body));
  return Exit::failed;
}

base::Task<Exit> change_leader(Session& session, FailoverAction action) {
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  session.terminal.out("Current cluster topology\n" + show_cluster(*contents, *scope, Format::pretty));
  const auto wanted = Dialogue(session, action, *scope, *contents).hold();
  if (!wanted) co_return report(session, wanted.error());

  const auto answer =
      co_await ask_members(session, action, members_to_ask(contents->view), request_body(action, *wanted));
  if (answer) {
    if (const auto exit = tell(session, action, *answer); exit != Exit::ok) co_return exit;
  } else {
    session.terminal.out(fmt::format("{} Could not {} using Patroni api, falling back to DCS\n",
                                     local_timestamp(session.runtime.clock().wall_time()), name_of(action)));
    const auto written =
        co_await write_to_dcs(session, keys_of(session, *scope), contents->view.failover_revision, *wanted);
    if (!written) co_return report(session, written.error());
  }
  contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  session.terminal.out(show_cluster(*contents, *scope, Format::pretty));
  co_return Exit::ok;
}

}  // namespace

base::Task<Exit> switchover(Session& session) { return change_leader(session, FailoverAction::switchover); }
base::Task<Exit> failover(Session& session) { return change_leader(session, FailoverAction::failover); }

}  // namespace holdfast::ctl
