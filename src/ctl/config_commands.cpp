// What changes the dynamic configuration: edit-config, pause, resume, demote-cluster and promote-cluster. The
// texts are patronictl's.
#include <boost/json.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

#include "ctl/cluster_access.hpp"
#include "ctl/cluster_table.hpp"
#include "ctl/config_edit.hpp"
#include "ctl/dialogue.hpp"
#include "ctl/member_choice.hpp"
#include "ctl/unified_diff.hpp"
#include "ctl/yaml_text.hpp"
#include "patroni/dynamic_config.hpp"
#include "patroni/json_text.hpp"
#include "patroni/rest_json.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;

constexpr base::Duration kPatience = std::chrono::seconds(10);
// A cluster that changes its role restarts PostgreSQL on all members; longer means that it hangs.
constexpr base::Duration kRoleChangePatience = std::chrono::minutes(15);

std::string json_text(const json::object& body) {
  return patroni::to_json_text(body, patroni::JsonLayout::spaced);
}

// ---- edit-config ----

struct Edited {
  json::object config;
  std::string text;  // as it is compared with what was before
};

Outcome<Edited> as_edited(json::object config) {
  auto text = to_yaml(config);
  return Edited{std::move(config), std::move(text)};
}

Outcome<json::object> read_yaml_file(Session& session, const std::string& path) {
  const auto text =
      path == "-" ? base::Result<std::string>(session.terminal.read_all()) : session.outside.read_file(path);
  if (!text) return stop(fmt::format("reading {}: {}", path, text.error().message));
  auto config = config_from_yaml(*text, path == "-" ? "standard input" : path);
  if (!config) return stop(config.error().message);
  return std::move(*config);
}

// What the command line asks for; nothing when it asks for nothing.
Outcome<std::optional<Edited>> edited_by_arguments(Session& session, const json::object& before) {
  const auto& arguments = session.arguments;
  json::object config = before;
  if (arguments.replace) {
    auto replaced = read_yaml_file(session, *arguments.replace);
    if (!replaced) return std::unexpected(replaced.error());
    config = json::object();
    patroni::patch_config(config, *replaced);  // leaves out the nulls
  }
  if (arguments.apply) {
    const auto patch = read_yaml_file(session, *arguments.apply);
    if (!patch) return std::unexpected(patch.error());
    patroni::patch_config(config, *patch);
  }
  auto pairs = arguments.set;
  for (const auto& pair : arguments.pg)
    pairs.push_back("postgresql.parameters." +
                    pair.substr(std::min(pair.find_first_not_of(" \t"), pair.size())));
  for (const auto& pair : pairs)
    if (const auto set = set_value(config, pair); !set) return stop(set.error().message);
  if (!arguments.replace && !arguments.apply && pairs.empty()) return std::optional<Edited>();
  auto edited = as_edited(std::move(config));
  return std::optional(std::move(*edited));
}

Outcome<Edited> edited_by_hand(Session& session, const std::string& scope, const std::string& before) {
  const auto text = session.outside.edit(scope + "-config-", before);
  if (!text) return stop(text.error().message);
  auto config = config_from_yaml(*text, "the edited configuration");
  if (!config) return stop(config.error().message);
  return Edited{std::move(*config), *text};
}

base::Task<Exit> store_config(Session& session, std::string scope, json::object config, ha::Revision seen) {
  const auto key = keys_of(session, scope).config();
  ports::Transaction transaction{{ports::Compare::unchanged_since(key, seen)},
                                 {ports::Put{key, patroni::write_config(config)}}};
  const auto done =
      co_await session.dcs.commit(std::move(transaction), session.runtime.clock().now() + kPatience);
  if (done) {
    session.terminal.out("Configuration changed\n");
    co_return Exit::ok;
  }
  if (done.error().kind == base::ErrorKind::conflict)
    co_return report(session, {Exit::failed, "Config modification aborted due to concurrent changes", false});
  co_return report(session,
                   {Exit::dcs_unreachable, "writing the configuration: " + done.error().message, false});
}

// Shows what would change and asks; false when nothing shall be done.
Outcome<bool> wants_change(Session& session, const json::object& before, const std::string& before_text,
                           const Edited& edited) {
  const auto& arguments = session.arguments;
  if (before == edited.config) {
    if (!arguments.quiet) session.terminal.out("Not changed\n");
    return false;
  }
  if (!arguments.quiet)
    session.terminal.out(unified_diff(before_text, edited.text, session.terminal.is_screen()));
  if (arguments.force) return true;
  if (arguments.apply == "-" || arguments.replace == "-") {  // standard input is used up
    session.terminal.out("Use --force option to apply changes\n");
    return false;
  }
  return confirm(session, "Apply these changes?");
}

// ---- pause and resume ----

struct PauseSeen {
  bool pause = false;
  ha::Revision revision = 0;
};

base::Task<base::Result<std::map<std::string, PauseSeen>>> look_at_pause(Session& session,
                                                                         std::string scope) {
  const auto prefix = keys_of(session, scope).prefix() + "members/";
  const auto snapshot = co_await session.dcs.read(prefix, session.runtime.clock().now() + kPatience);
  if (!snapshot) co_return std::unexpected(snapshot.error());
  std::map<std::string, PauseSeen> seen;
  for (const auto& entry : snapshot->entries) {
    const auto member = patroni::parse_member_value(entry.value);
    if (member && !member->api_url.empty())
      seen[entry.key.substr(prefix.size())] = {member->pause, entry.mod_revision};
  }
  co_return seen;
}

base::Task<Exit> await_pause(Session& session, std::string scope, bool paused, std::int64_t loop_wait,
                             std::map<std::string, PauseSeen> before) {
  auto& clock = session.runtime.clock();
  session.terminal.out(fmt::format("'{}' request sent, waiting until it is recognized by all nodes\n",
                                   paused ? "pause" : "resume"));
  const auto deadline = clock.now() + std::chrono::seconds(loop_wait + 1);
  std::vector<std::string> remaining;
  while (true) {
    const auto now = co_await look_at_pause(session, scope);
    if (now) {
      remaining.clear();
      bool all = true;
      for (const auto& [name, member] : *now) {
        if (!before.contains(name) || member.pause == paused) continue;
        all = false;
        // One that has written nothing since is not there, and not waited for in the end.
        if (before.at(name).revision != member.revision) remaining.push_back(name);
      }
      if (all) remaining.clear();
      if (all) break;
    }
    if (clock.now() >= deadline) break;
    co_await clock.sleep_until(clock.now() + std::chrono::seconds(1));
  }
  if (remaining.empty()) {
    session.terminal.out(fmt::format("Success: cluster management is {}\n", paused ? "paused" : "resumed"));
    co_return Exit::ok;
  }
  session.terminal.out(fmt::format("{} members didn't recognized pause state after {} seconds\n",
                                   fmt::join(remaining, ", "), loop_wait));
  co_return Exit::member_refused;
}

base::Task<Exit> toggle_pause(Session& session, bool paused) {
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  const auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  if (patroni::is_paused(config_of(*contents)) == paused)
    co_return report(session,
                     {Exit::failed, paused ? "Cluster is already paused" : "Cluster is not paused", false});
  const auto before = co_await look_at_pause(session, *scope);
  const json::object body{{"pause", paused ? json::value(true) : json::value(nullptr)}};
  for (const auto& member : leader_first(contents->view)) {
    const auto answer =
        co_await ask_member(session, member.api_url, "PATCH", "/config", json_text(body), kPatience);
    if (!answer) {
      warn(session, fmt::format("Member {} is not accessible: {}", member.name, answer.error().message));
      continue;
    }
    if (answer->status != 200) {
      session.terminal.out(fmt::format("Failed: {} cluster management status code={}, ({})\n",
                                       paused ? "pause" : "resume", answer->status, answer->body));
      co_return Exit::member_refused;
    }
    if (session.arguments.wait && before)
      co_return co_await await_pause(session, *scope, paused, loop_wait_of(*contents), *before);
    session.terminal.out(fmt::format("Success: cluster management is {}\n", paused ? "paused" : "resumed"));
    co_return Exit::ok;
  }
  co_return report(session, {Exit::failed, "Can not find accessible cluster member", false});
}

// ---- demote-cluster and promote-cluster ----

struct RoleChange {
  std::string scope;
  std::string verb;  // "demote"
  std::string noun;  // "demotion"
  ha::MemberRole target = ha::MemberRole::primary;
  json::value standby_cluster;  // null: promote
  bool demotes() const { return target == ha::MemberRole::standby_leader; }
};

std::string role_text(const ha::Member* member) {
  return member ? std::string(patroni::to_string(member->role)) : "None";
}
std::string state_text(const ha::Member* member) {
  return member ? std::string(patroni::to_string(member->state)) : "None";
}

// Done when the cluster has a running leader of the new role and, of a demoted one, the old leader runs too.
bool has_changed(const RoleChange& change, const ha::Member* leader, const ha::Member* old_leader) {
  const auto runs = [](const ha::Member* member) {
    return member && member->state == ha::MemberState::running;
  };
  return runs(leader) && leader->role == change.target && (!change.demotes() || runs(old_leader));
}

base::Task<Exit> await_role(Session& session, RoleChange change, std::string old_name) {
  auto& clock = session.runtime.clock();
  const auto deadline = clock.now() + kRoleChangePatience;
  while (true) {
    const auto contents = co_await read_cluster(session, change.scope);
    if (!contents) co_return report(session, contents.error());
    const auto& view = contents->view;
    const auto* leader = view.leader ? view.member(view.leader->name) : nullptr;
    const auto* old_leader = view.member(old_name);
    const auto now = local_seconds(clock.wall_time());
    if (has_changed(change, leader, old_leader)) {
      session.terminal.out(fmt::format("{} cluster is successfully {}d\n", now, change.verb));
      session.terminal.out(show_cluster(*contents, change.scope, Format::pretty));
      co_return Exit::ok;
    }
    auto line = fmt::format("{} cluster is unlocked: {}, leader role: {}, leader state: {}", now,
                            view.leader ? "False" : "True", role_text(leader), state_text(leader));
    if (change.demotes() && view.leader && view.leader->name != old_name && old_leader)
      line += fmt::format(", previous leader state: '{}'", state_text(old_leader));
    session.terminal.out(line + "\n");
    if (clock.now() >= deadline)
      co_return report(session, {Exit::failed,
                                 fmt::format("the {} of {} has not come to its end within {}", change.noun,
                                             change.scope, base::to_string(kRoleChangePatience)),
                                 false});
    co_await clock.sleep_until(clock.now() + std::chrono::seconds(1));
  }
}

base::Task<Exit> change_role(Session& session, RoleChange change) {
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  change.scope = *scope;
  const auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  const auto& view = contents->view;
  const auto fail = [&](std::string message) {
    return report(session, {Exit::failed, std::move(message), false});
  };
  if (!view.leader) co_return fail(fmt::format("Cluster has no leader, {} is not possible", change.noun));
  const auto* leader = view.member(view.leader->name);
  if (leader && leader->role == change.target) co_return fail("Cluster is already in the required state");
  session.terminal.out("Current cluster topology\n" + show_cluster(*contents, *scope, Format::pretty));
  if (!session.arguments.force) {
    const auto sure =
        confirm(session, fmt::format("Are you sure you want to {} {} cluster?", change.verb, *scope));
    if (!sure) co_return report(session, sure.error());
    if (!*sure) co_return fail(fmt::format("Aborted cluster {}", change.noun));
  }
  const auto answer =
      co_await ask_member(session, leader ? leader->api_url : "", "PATCH", "/config",
                          json_text({{"standby_cluster", change.standby_cluster}}), kPatience);
  if (!answer)
    co_return fail(fmt::format("Failed to {} {} cluster: {}", change.verb, *scope, answer.error().message));
  if (answer->status != 200)
    co_return fail(fmt::format("Failed to {} {} cluster: /config PATCH status code={}, ({})", change.verb,
                               *scope, answer->status, answer->body));
  co_return co_await await_role(session, change, view.leader->name);
}

}  // namespace

base::Task<Exit> edit_config(Session& session) {
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  const auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  if (!contents->config)
    co_return report(
        session,
        {Exit::failed, fmt::format("The config key does not exist in the cluster {}", *scope), false});
  const auto before_text = to_yaml(*contents->config);
  auto by_arguments = edited_by_arguments(session, *contents->config);
  if (!by_arguments) co_return report(session, by_arguments.error());
  auto edited = *by_arguments ? Outcome<Edited>(std::move(**by_arguments))
                              : edited_by_hand(session, *scope, before_text);
  if (!edited) co_return report(session, edited.error());
  const auto wanted = wants_change(session, *contents->config, before_text, *edited);
  if (!wanted) co_return report(session, wanted.error());
  if (!*wanted) co_return Exit::ok;
  co_return co_await store_config(session, *scope, edited->config, contents->view.config_revision);
}

base::Task<Exit> pause(Session& session) { return toggle_pause(session, true); }
base::Task<Exit> resume(Session& session) { return toggle_pause(session, false); }

base::Task<Exit> demote_cluster(Session& session) {
  const auto& arguments = session.arguments;
  const auto given = [](const std::optional<std::string>& text) { return text && !text->empty(); };
  const bool has_port = arguments.port && *arguments.port != 0;
  if (!given(arguments.host) && !has_port && !given(arguments.restore_command))
    co_return report(
        session, {Exit::failed, "At least --host, --port or --restore-command should be specified", false});
  json::object standby;
  if (given(arguments.host)) standby["host"] = *arguments.host;
  if (has_port) standby["port"] = *arguments.port;
  if (given(arguments.primary_slot_name)) standby["primary_slot_name"] = *arguments.primary_slot_name;
  if (given(arguments.restore_command)) standby["restore_command"] = *arguments.restore_command;
  RoleChange change{"", "demote", "demotion", ha::MemberRole::standby_leader, std::move(standby)};
  co_return co_await change_role(session, std::move(change));
}

base::Task<Exit> promote_cluster(Session& session) {
  RoleChange change{"", "promote", "promotion", ha::MemberRole::primary, nullptr};
  co_return co_await change_role(session, std::move(change));
}

}  // namespace holdfast::ctl
