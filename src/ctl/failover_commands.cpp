// switchover and failover: ask what is missing, tell the leader, show what came of it. The texts are
// patronictl's.
#include <algorithm>
#include <boost/json.hpp>
#include <fmt/format.h>

#include "ctl/cluster_access.hpp"
#include "ctl/cluster_table.hpp"
#include "ctl/dialogue.hpp"
#include "ctl/member_choice.hpp"
#include "ctl/schedule.hpp"
#include "patroni/failover_request.hpp"
#include "patroni/json_text.hpp"
#include "patroni/rest_json.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;
using patroni::FailoverAction;

// The member answers when the new leader leads, or gives up itself after 90 s at the latest.
constexpr base::Duration kPatience = std::chrono::seconds(100);
constexpr base::Duration kDcsPatience = std::chrono::seconds(5);

std::string_view name_of(FailoverAction action) {
  return action == FailoverAction::switchover ? "switchover" : "failover";
}

// What the person wants, checked against the cluster.
struct Wanted {
  std::string leader, candidate;
  std::optional<Schedule> scheduled;
};

class Conversation {
 public:
  Conversation(Session& session, FailoverAction action, std::string scope,
               const patroni::DcsContents& contents)
      : session_(session), action_(action), scope_(std::move(scope)), contents_(contents) {
    if (contents.view.leader) leader_ = contents.view.leader->name;
    config_ = config_of(contents);
  }

  Outcome<Wanted> hold() {
    Wanted wanted;
    auto step = ask_leader(wanted);
    if (step) step = ask_candidate(wanted);
    if (step) step = ask_time(wanted);
    if (step) step = be_sure(wanted);
    if (!step) return std::unexpected(step.error());
    return wanted;
  }

 private:
  bool asks() const { return !session_.arguments.force; }
  bool is_switchover() const { return action_ == FailoverAction::switchover; }

  Outcome<void> ask_leader(Wanted& wanted) {
    if (!is_switchover()) return {};
    if (leader_.empty()) return stop("This cluster has no leader");
    wanted.leader = session_.arguments.leader.value_or("");
    if (!session_.arguments.leader && asks()) {
      const auto answer =
          ask(session_, patroni::is_standby_cluster(config_) ? "Standby Leader" : "Primary", leader_);
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
    wanted.candidate = session_.arguments.candidate.value_or("");
    if (!session_.arguments.candidate && asks()) {
      std::string shown;
      for (const auto& name : names) shown += (shown.empty() ? "'" : ", '") + name + "'";
      const auto answer = ask(session_, fmt::format("Candidate [{}]", shown), "");
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
    if (!asks() || !may_lose_commits) return {};
    return sure(fmt::format("Are you sure you want to failover to the asynchronous node {}?", candidate),
                "Aborting failover");
  }

  Outcome<void> ask_time(Wanted& wanted) {
    if (!is_switchover()) return {};
    auto text = session_.arguments.scheduled;
    if (!text && asks()) {
      const auto example = next_hour(session_.runtime.clock().wall_time());
      const auto answer =
          ask(session_, fmt::format("When should the switchover take place (e.g. {} ) ", example), "now");
      if (!answer) return std::unexpected(answer.error());
      text = *answer;
    }
    auto schedule = read_schedule(text);
    if (!schedule) return std::unexpected(schedule.error());
    if (*schedule && patroni::is_paused(config_))
      return stop("Can't schedule switchover in the paused state");
    wanted.scheduled = std::move(*schedule);
    return {};
  }

  Outcome<void> be_sure(const Wanted& wanted) {
    if (!asks()) return {};
    const auto demoting =
        leader_.empty() ? std::string() : fmt::format(", demoting current leader {}", leader_);
    if (wanted.scheduled)
      return sure(fmt::format("Are you sure you want to schedule switchover of cluster {} at {}{}?", scope_,
                              wanted.scheduled->iso, demoting),
                  "Aborting scheduled switchover");
    return sure(fmt::format("Are you sure you want to {} cluster {}{}?", name_of(action_), scope_, demoting),
                fmt::format("Aborting {}", name_of(action_)));
  }

  Outcome<void> sure(const std::string& question, std::string otherwise) {
    const auto answer = confirm(session_, question);
    if (!answer) return std::unexpected(answer.error());
    if (!*answer) return stop(std::move(otherwise));
    return {};
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
  if (wanted.scheduled) body["scheduled_at"] = wanted.scheduled->iso;
  return patroni::to_json_text(body, patroni::JsonLayout::spaced);
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
    warn(session, fmt::format("Member {} is not accessible: {}", member.name, answer.error().message));
  }
  co_return std::nullopt;
}

// Without any member's help: the request is left in etcd for whoever comes back.
base::Task<Outcome<void>> write_to_dcs(Session& session, const patroni::Keys& keys, ha::Revision seen,
                                       Wanted wanted) {
  ha::FailoverRequest request;
  if (!wanted.leader.empty()) request.leader = wanted.leader;
  if (!wanted.candidate.empty()) request.candidate = wanted.candidate;
  if (wanted.scheduled) request.scheduled_at = wanted.scheduled->at;
  ports::Transaction transaction{{ports::Compare::unchanged_since(keys.failover(), seen)},
                                 {ports::Put{keys.failover(), patroni::write_failover(request)}}};
  const auto done =
      co_await session.dcs.commit(std::move(transaction), session.runtime.clock().now() + kDcsPatience);
  if (done) co_return Outcome<void>{};
  if (done.error().kind == base::ErrorKind::conflict)
    co_return stop("somebody else has just asked for a switchover or failover; nothing was done");
  co_return std::unexpected(Failure{Exit::dcs_unreachable, done.error().message, false});
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
  return Exit::member_refused;
}

base::Task<Exit> change_leader(Session& session, FailoverAction action) {
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  session.terminal.out("Current cluster topology\n" + show_cluster(*contents, *scope, Format::pretty));
  const auto wanted = Conversation(session, action, *scope, *contents).hold();
  if (!wanted) co_return report(session, wanted.error());

  const auto answer =
      co_await ask_members(session, action, leader_first(contents->view), request_body(action, *wanted));
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
