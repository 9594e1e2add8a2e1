// reload, restart, reinit and flush: requests to members one by one. The texts are patronictl's.
#include <algorithm>
#include <boost/json.hpp>
#include <fmt/format.h>
#include <map>
#include <random>
#include <utility>

#include "ctl/cluster_access.hpp"
#include "ctl/dialogue.hpp"
#include "ctl/member_choice.hpp"
#include "ctl/schedule.hpp"
#include "patroni/json_text.hpp"
#include "patroni/rest_json.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;

constexpr base::Duration kPatience = std::chrono::seconds(10);  // for answers that a member gives at once
// A restart writes a checkpoint and may replay much WAL; a person who has waited enough presses Ctrl-C.
constexpr base::Duration kRestartPatience = std::chrono::hours(1);
constexpr base::Duration kLookAgain = std::chrono::seconds(2);
constexpr base::Duration kSilence = std::chrono::minutes(2);  // of a member that is being reinitialized

// Every command here needs the cluster and some of its members.
struct Chosen {
  std::string scope;
  patroni::DcsContents contents;
  std::vector<ha::Member> members;
};

base::Task<Outcome<Chosen>> choose(Session& session, std::string role, std::string shown_role,
                                   std::string action) {
  const auto scope = named_cluster(session);
  if (!scope) co_return std::unexpected(scope.error());
  auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return std::unexpected(contents.error());
  const Choice choice{*scope, std::move(role), std::move(shown_role), std::move(action)};
  auto members = choose_members(session, *contents, choice);
  if (!members) co_return std::unexpected(members.error());
  co_return Chosen{*scope, std::move(*contents), std::move(*members)};
}

base::Task<Outcome<Chosen>> choose_by_role(Session& session, std::string action) {
  const auto role = session.arguments.role.empty() ? std::string("any") : session.arguments.role;
  return choose(session, role, "'" + role + "'", std::move(action));
}

// What a member answered; without an answer the person is told why.
base::Task<std::optional<net::HttpResponse>> request(Session& session, const ha::Member& member,
                                                     std::string method, std::string path, std::string body,
                                                     base::Duration patience) {
  auto answer = co_await ask_member(session, member.api_url, std::move(method), std::move(path),
                                    std::move(body), patience);
  if (answer) co_return std::move(*answer);
  session.terminal.err(
      fmt::format("Error: member {} does not answer: {}\n", member.name, answer.error().message));
  co_return std::nullopt;
}

void tell_failed(Session& session, std::string_view what, const ha::Member& member,
                 const net::HttpResponse& answer) {
  session.terminal.out(fmt::format("Failed: {} for member {}, status code={}, ({})\n", what, member.name,
                                   answer.status, answer.body));
}

// Whether it went well; says so.
bool check(Session& session, std::string_view what, const ha::Member& member, const net::HttpResponse& answer,
           bool silent_success = false) {
  if (answer.status >= 400) {
    tell_failed(session, what, member, answer);
    return false;
  }
  if (!silent_success) session.terminal.out(fmt::format("Success: {} for member {}\n", what, member.name));
  return true;
}

std::string text(const json::object& body) {
  return patroni::to_json_text(body, patroni::JsonLayout::spaced);
}

bool has_scheduled_restart(const patroni::DcsContents& contents, const ha::Member& member) {
  const auto found = contents.members.find(member.name);
  return found != contents.members.end() && !found->second.scheduled_restart.empty();
}

// ---- restart ----

struct Restart {
  std::vector<ha::Member> members;
  json::object body;
  bool scheduled = false;
};

// "9.5.2" and "15.4", but neither "15" nor "9.5": what a member can compare.
Outcome<void> check_postgres_version(const std::string& text) {
  const auto parts = std::ranges::count(text, '.') + 1;
  const bool numbers = std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; }) &&
                       !text.starts_with('.') && !text.ends_with('.') && !text.contains("..");
  if (!numbers) return stop(fmt::format("Invalid PostgreSQL version: {}", text));
  const bool old_major_only = parts == 2 && text.find('.') == 1;  // 9.5: of 9.5.2
  if (parts < 2 || parts > 3 || old_major_only)
    return stop(fmt::format("Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: {}", text));
  return {};
}

Outcome<void> confirm_restart(Session& session, const std::vector<ha::Member>& members,
                              const std::optional<Schedule>& schedule) {
  if (!schedule) return confirm_members(session, members, "restart");
  if (session.arguments.force) return {};
  const auto sure = confirm(
      session,
      session.arguments.pending
          ? std::string("The nodes needing a restart will be identified at the scheduled time, and might "
                        "be different from the ones showing pending restart right now. Is this fine?")
          : fmt::format("Are you sure you want to schedule restart of members {} at {}?", names_of(members),
                        schedule->spaced));
  if (!sure) return std::unexpected(sure.error());
  if (!*sure) return stop("Aborted scheduled restart");
  return {};
}

Outcome<std::string> ask_version(Session& session) {
  auto version = session.arguments.pg_version.value_or("");
  if (!session.arguments.pg_version && !session.arguments.force) {
    const auto answer =
        ask(session, "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2) ", "");
    if (!answer) return std::unexpected(answer.error());
    version = *answer;
  }
  if (!version.empty())
    if (const auto usable = check_postgres_version(version); !usable) return std::unexpected(usable.error());
  return version;
}

Outcome<std::optional<Schedule>> ask_schedule(Session& session) {
  auto when = session.arguments.scheduled;
  if (!when && !session.arguments.force) {
    const auto example = next_hour(session.runtime.clock().wall_time());
    const auto answer =
        ask(session, fmt::format("When should the restart take place (e.g. {}) ", example), "now");
    if (!answer) return std::unexpected(answer.error());
    when = *answer;
  }
  return read_schedule(when);
}

// One of them, any.
void keep_one(std::vector<ha::Member>& members) {
  if (members.size() < 2) return;
  std::random_device random;
  std::swap(members.front(),
            members[std::uniform_int_distribution<std::size_t>(0, members.size() - 1)(random)]);
  members.resize(1);
}

// The questions, in patronictl's order.
Outcome<Restart> plan_restart(Session& session, const Chosen& chosen) {
  Restart plan{.members = chosen.members, .body = {}, .scheduled = false};
  const auto& arguments = session.arguments;
  const auto schedule = ask_schedule(session);
  if (!schedule) return std::unexpected(schedule.error());
  plan.scheduled = schedule->has_value();
  if (arguments.pending) {
    plan.body["restart_pending"] = true;
    if (!plan.scheduled)  // until then it may change who needs it
      std::erase_if(plan.members, [](const ha::Member& member) { return !member.pending_restart; });
  }
  if (arguments.any) keep_one(plan.members);
  if (const auto sure = confirm_restart(session, plan.members, *schedule); !sure)
    return std::unexpected(sure.error());
  const auto version = ask_version(session);
  if (!version) return std::unexpected(version.error());
  if (!version->empty()) plan.body["postgres_version"] = *version;
  if (plan.scheduled) {
    if (patroni::is_paused(config_of(chosen.contents)))
      return stop("Can't schedule restart in the paused state");
    plan.body["schedule"] = (*schedule)->iso;
  }
  if (arguments.timeout) plan.body["timeout"] = *arguments.timeout;
  return plan;
}

base::Task<Exit> restart_member(Session& session, const Chosen& chosen, const Restart& plan,
                                const ha::Member& member) {
  if (plan.scheduled && session.arguments.force && has_scheduled_restart(chosen.contents, member)) {
    const auto flushed = co_await request(session, member, "DELETE", "/restart", "", kPatience);
    if (!flushed) co_return Exit::failed;
    check(session, "flush scheduled restart", member, *flushed, true);
  }
  const auto answer =
      co_await request(session, member, "POST", "/restart", text(plan.body), kRestartPatience);
  if (!answer) co_return Exit::failed;
  if (answer->status == 200) {
    session.terminal.out(fmt::format("Success: restart on member {}\n", member.name));
  } else if (answer->status == 202) {
    session.terminal.out(fmt::format("Success: restart scheduled on member {}\n", member.name));
  } else if (answer->status == 409) {
    session.terminal.out(
        fmt::format("Failed: another restart is already scheduled on member {}\n", member.name));
    co_return Exit::member_refused;
  } else {
    tell_failed(session, "restart", member, *answer);
    co_return Exit::member_refused;
  }
  co_return Exit::ok;
}

// ---- reinit ----

base::Task<Exit> start_reinit(Session& session, const ha::Member& member) {
  bool force = session.arguments.force;
  while (true) {
    const json::object body{{"force", force}, {"from_leader", session.arguments.from_leader}};
    const auto answer = co_await request(session, member, "POST", "/reinitialize", text(body), kPatience);
    if (!answer) co_return Exit::failed;
    if (check(session, "reinitialize", member, *answer)) co_return Exit::ok;
    if (session.arguments.force || !answer->body.ends_with(" already in progress"))
      co_return Exit::member_refused;
    const auto again = confirm(session, "Do you want to cancel it and reinitialize anyway?");
    if (!again) co_return report(session, again.error());
    if (!*again) co_return Exit::member_refused;
    force = true;
  }
}

// How far a member is. It tells of its reinitialize what Holdfast tells; Patroni has only a state.
struct Reinit {
  bool under_way = false;
  bool cancelled = false;
  std::string progress;  // "copying the data of a, 40 %"; empty: not told
};

Reinit read_reinit(const json::object& status) {
  const auto* state = status.if_contains("state");
  Reinit reinit{.under_way = state && patroni::scalar_text(*state) == "creating replica", .progress = {}};
  const auto* ours = status.if_contains("holdfast");
  if (!ours || !ours->is_object()) return reinit;
  if (const auto* last = ours->get_object().if_contains("last_reinitialize"))
    reinit.cancelled = patroni::scalar_text(*last) == "cancelled";
  const auto* told = ours->get_object().if_contains("reinitialize");
  if (!told || !told->is_object()) return reinit;
  reinit.under_way = true;
  const auto& details = told->get_object();
  if (const auto* doing = details.if_contains("doing"))
    reinit.progress = patroni::scalar_text(*doing).value_or("");
  if (const auto* percent = details.if_contains("percent"))
    reinit.progress += fmt::format(", {} %", patroni::scalar_text(*percent).value_or("?"));
  return reinit;
}

// Absent: the member does not tell.
base::Task<std::optional<Reinit>> reinit_of(Session& session, const ha::Member& member) {
  const auto answer = co_await ask_member(session, member.api_url, "GET", "/patroni", "", kPatience);
  if (!answer) co_return std::nullopt;
  const auto status = patroni::parse_json_object(answer->body);
  if (!status || !status->contains("state")) co_return std::nullopt;
  co_return read_reinit(*status);
}

base::Task<Exit> await_reinit(Session& session, std::vector<ha::Member> waiting) {
  auto exit = Exit::ok;
  auto& clock = session.runtime.clock();
  std::string shown;
  std::map<std::string, base::Instant> heard;
  std::map<std::string, std::string> told;
  for (const auto& member : waiting) heard[member.name] = clock.now();
  while (!waiting.empty()) {
    if (const auto names = names_of(waiting); names != shown)
      session.terminal.out(fmt::format("Waiting for reinitialize to complete on: {}\n", shown = names));
    co_await clock.sleep_until(clock.now() + kLookAgain);
    for (std::size_t i = 0; i < waiting.size();) {
      const auto member = waiting[i];
      const auto reinit = co_await reinit_of(session, member);
      if (reinit) heard[member.name] = clock.now();
      if (!reinit && clock.now() - heard[member.name] > kSilence)
        co_return report(
            session, {Exit::failed, fmt::format("member {} does not answer any more", member.name), false});
      if (!reinit || reinit->under_way) {
        if (reinit && reinit->progress != std::exchange(told[member.name], reinit->progress))
          session.terminal.err(fmt::format("{}: {}\n", member.name, reinit->progress));
        ++i;
        continue;
      }
      session.terminal.out(fmt::format("Reinitialize is {} on: {}\n",
                                       reinit->cancelled ? "cancelled" : "completed", member.name));
      if (reinit->cancelled) exit = Exit::failed;
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  co_return exit;
}

// ---- flush ----

base::Task<Exit> flush_restarts(Session& session) {
  const auto chosen = co_await choose_by_role(session, "flush");
  if (!chosen) co_return report(session, chosen.error());
  if (const auto sure = confirm_members(session, chosen->members, "flush"); !sure)
    co_return report(session, sure.error());
  auto exit = Exit::ok;
  for (const auto& member : chosen->members) {
    if (!has_scheduled_restart(chosen->contents, member)) {
      session.terminal.out(fmt::format("No scheduled restart for member {}\n", member.name));
      continue;
    }
    const auto answer = co_await request(session, member, "DELETE", "/restart", "", kPatience);
    if (!answer)
      exit = Exit::failed;
    else if (!check(session, "flush scheduled restart", member, *answer))
      exit = Exit::member_refused;
  }
  co_return exit;
}

// Nobody answers: the request is taken back in etcd.
base::Task<Exit> flush_in_dcs(Session& session, std::string scope, ha::Revision seen) {
  warn(session, "Failing over to DCS");
  session.terminal.out(fmt::format("{} Could not find any accessible member of cluster {}\n",
                                   local_timestamp(session.runtime.clock().wall_time()), scope));
  const auto key = keys_of(session, scope).failover();
  ports::Transaction transaction{{ports::Compare::unchanged_since(key, seen)}, {ports::Put{key, "{}"}}};
  const auto done =
      co_await session.dcs.commit(std::move(transaction), session.runtime.clock().now() + kPatience);
  if (done) co_return Exit::ok;
  co_return report(session,
                   {Exit::failed, "the schedule could not be taken back: " + done.error().message, false});
}

base::Task<Exit> flush_switchover(Session& session) {
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  const auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  const auto& view = contents->view;
  if (!view.failover || !view.failover->scheduled_at) {
    session.terminal.out("No pending scheduled switchover\n");
    co_return Exit::ok;
  }
  for (const auto& member : leader_first(view)) {
    const auto answer = co_await ask_member(session, member.api_url, "DELETE", "/switchover", "", kPatience);
    if (!answer) {
      warn(session, fmt::format("Member {} is not accessible: {}", member.name, answer.error().message));
      continue;
    }
    if (answer->status == 200 || answer->status == 404) {
      session.terminal.out(
          fmt::format("{}: {}\n", answer->status == 200 ? "Success" : "Failed", answer->body));
      co_return answer->status == 200 ? Exit::ok : Exit::member_refused;
    }
    session.terminal.out(
        fmt::format("Failed: member={}, status_code={}, ({})\n", member.name, answer->status, answer->body));
  }
  co_return co_await flush_in_dcs(session, *scope, view.failover_revision);
}

}  // namespace

base::Task<Exit> reload(Session& session) {
  const auto chosen = co_await choose_by_role(session, "reload");
  if (!chosen) co_return report(session, chosen.error());
  if (const auto sure = confirm_members(session, chosen->members, "reload"); !sure)
    co_return report(session, sure.error());
  auto exit = Exit::ok;
  for (const auto& member : chosen->members) {
    const auto answer = co_await request(session, member, "POST", "/reload", "", kPatience);
    if (!answer) {
      exit = Exit::failed;
    } else if (answer->status == 200) {
      session.terminal.out(fmt::format("No changes to apply on member {}\n", member.name));
    } else if (answer->status == 202) {
      session.terminal.out(
          fmt::format("Reload request received for member {} and will be processed within {} seconds\n",
                      member.name, loop_wait_of(chosen->contents)));
    } else {
      tell_failed(session, "reload", member, *answer);
      exit = Exit::member_refused;
    }
  }
  co_return exit;
}

base::Task<Exit> restart(Session& session) {
  const auto chosen = co_await choose_by_role(session, "restart");
  if (!chosen) co_return report(session, chosen.error());
  const auto plan = plan_restart(session, *chosen);
  if (!plan) co_return report(session, plan.error());
  auto exit = Exit::ok;
  for (const auto& member : plan->members)
    if (const auto done = co_await restart_member(session, *chosen, *plan, member); done != Exit::ok)
      exit = done;
  co_return exit;
}

base::Task<Exit> reinit(Session& session) {
  const auto chosen = co_await choose(session, "replica", "replica", "reinitialize");
  if (!chosen) co_return report(session, chosen.error());
  if (const auto sure = confirm_members(session, chosen->members, "reinitialize"); !sure)
    co_return report(session, sure.error());
  auto exit = Exit::ok;
  std::vector<ha::Member> started;
  for (const auto& member : chosen->members)
    if (const auto done = co_await start_reinit(session, member); done == Exit::ok)
      started.push_back(member);
    else
      exit = done;
  if (session.arguments.wait)
    if (const auto done = co_await await_reinit(session, std::move(started)); done != Exit::ok)
      co_return done;
  co_return exit;
}

base::Task<Exit> flush(Session& session) {
  return session.arguments.target == "restart" ? flush_restarts(session) : flush_switchover(session);
}

}  // namespace holdfast::ctl
