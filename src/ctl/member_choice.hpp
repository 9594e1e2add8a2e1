// Which members a command is for, as patronictl chooses them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctl/cluster_access.hpp"

namespace holdfast::ctl {

// Of a role: leader, primary, standby-leader, replica, standby or any. In order of name.
std::vector<ha::Member> members_of(const patroni::DcsContents& contents, std::string_view role);

// Those with a REST API, the leader first: any of them can take a request for the cluster.
std::vector<ha::Member> leader_first(const ha::ClusterView& view);

// The members that the command line names among those of a role, or else all of them; shows the cluster
// first. A person is asked when the action needs a name (`action` "reinitialize") and there is none.
// `shown_role` is how the role is written in messages: 'any' in quotes, or replica.
struct Choice {
  std::string scope;
  std::string role = "any";
  std::string shown_role = "'any'";
  std::string action;  // "restart"
};
Outcome<std::vector<ha::Member>> choose_members(Session& session, const patroni::DcsContents& contents,
                                                const Choice& choice);

// "Are you sure you want to restart members a, b?"; --force is sure.
Outcome<void> confirm_members(Session& session, const std::vector<ha::Member>& members,
                              std::string_view action);

std::string names_of(const std::vector<ha::Member>& members);  // "a, b"

}  // namespace holdfast::ctl
