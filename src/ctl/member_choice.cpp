#include "ctl/member_choice.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "ctl/cluster_table.hpp"
#include "ctl/dialogue.hpp"

namespace holdfast::ctl {
namespace {

// The member that holds the leader key; with its name only when it has no entry of its own.
std::vector<ha::Member> leader_of(const ha::ClusterView& view) {
  if (!view.leader || view.leader->name.empty()) return {};
  if (const auto* member = view.member(view.leader->name)) return {*member};
  ha::Member nameless;
  nameless.name = view.leader->name;
  return {nameless};
}

const ha::Member* named(const std::vector<ha::Member>& members, std::string_view name) {
  const auto found = std::ranges::find(members, name, &ha::Member::name);
  return found == members.end() ? nullptr : &*found;
}

}  // namespace

std::vector<ha::Member> members_of(const patroni::DcsContents& contents, std::string_view role) {
  const auto& view = contents.view;
  if (role == "leader" || role == "primary" || role == "standby-leader") {
    auto leader = leader_of(view);
    if (leader.empty() || role == "leader") return leader;
    const auto runs_as = leader.front().role;
    const bool fits =
        role == "primary" ? runs_as != ha::MemberRole::standby_leader : runs_as != ha::MemberRole::primary;
    return fits ? leader : std::vector<ha::Member>();
  }
  std::vector<ha::Member> members;
  for (const auto& member : view.members)
    if (role == "any" || !view.led_by(member.name)) members.push_back(member);
  return members;
}

std::vector<ha::Member> leader_first(const ha::ClusterView& view) {
  std::vector<ha::Member> members;
  for (const bool leader : {true, false})
    for (const auto& member : view.members)
      if (view.led_by(member.name) == leader && !member.api_url.empty()) members.push_back(member);
  return members;
}

std::string names_of(const std::vector<ha::Member>& members) {
  std::string names;
  for (const auto& member : members) names += (names.empty() ? "" : ", ") + member.name;
  return names;
}

Outcome<std::vector<ha::Member>> choose_members(Session& session, const patroni::DcsContents& contents,
                                                const Choice& choice) {
  const auto candidates = members_of(contents, choice.role);
  const auto& given = session.arguments.members;
  if (given.empty() && candidates.empty())
    return stop(fmt::format("{} cluster doesn't have any members", choice.scope));
  session.terminal.out(show_cluster(contents, choice.scope, Format::pretty));

  std::vector<ha::Member> chosen;
  for (const auto& member : candidates)
    if (std::ranges::find(given, member.name) != given.end()) chosen.push_back(member);
  if (!given.empty() && chosen.empty())
    return stop(fmt::format("No {} among provided members", choice.shown_role));
  if (session.face == Face::holdfast)  // patronictl passes over the others without a word
    for (const auto& name : given)
      if (!named(candidates, name))
        warn(session, fmt::format("{} is not one of the members, passed over", name));
  if (!given.empty()) return chosen;
  if (choice.action != "reinitialize") return candidates;
  if (session.arguments.force) return chosen;  // all of them at once would leave nobody to copy from

  const auto answer = ask(
      session, fmt::format("Which member do you want to {} [{}]?", choice.action, names_of(candidates)), "");
  if (!answer) return std::unexpected(answer.error());
  const auto* member = named(candidates, *answer);
  if (!member) return stop(fmt::format("{} is not a member of cluster", *answer));
  return std::vector<ha::Member>{*member};
}

Outcome<void> confirm_members(Session& session, const std::vector<ha::Member>& members,
                              std::string_view action) {
  if (session.arguments.force) return {};
  const auto sure =
      confirm(session, fmt::format("Are you sure you want to {} members {}?", action, names_of(members)));
  if (!sure) return std::unexpected(sure.error());
  if (!*sure) return stop(fmt::format("Aborted {}", action));
  return {};
}

}  // namespace holdfast::ctl
