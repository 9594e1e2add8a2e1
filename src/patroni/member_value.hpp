// A member's entry in etcd, /service/<scope>/members/<name>, as Patroni writes it.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "ha/cluster_view.hpp"
#include "ha/instance.hpp"

namespace holdfast::patroni {

// The level of Patroni that our formats are compatible with. Tools compare `version` with features they know,
// and Patroni itself reads it to decide what a peer understands; our own version number would tell them lies.
// Ours stands beside it under "holdfast", by which agents that know epochs and preemption recognise one
// another.
inline constexpr std::string_view kPatroniVersion = "4.1.4";

// What is absent here is absent in the JSON.
struct MemberValue {
  std::string conn_url;
  std::string api_url;
  ha::MemberState state = ha::MemberState::unknown;
  ha::MemberRole role = ha::MemberRole::uninitialized;
  std::string version;
  std::string proxy_url;
  std::optional<bool> checkpoint_after_promote;
  boost::json::object tags;
  bool pending_restart = false;
  boost::json::object
      pending_restart_reason;  // {"max_connections": {"old_value": "100", "new_value": "101"}}
  std::optional<pg::Lsn> xlog_location, replay_lsn, receive_lsn;
  std::string replication_state;
  std::optional<pg::Timeline> timeline;
  boost::json::object scheduled_restart;
  bool pause = false;
  std::string holdfast;  // our own version; empty: written by Patroni
};

// Field `pending_restart_reason`, in etcd and over REST.
boost::json::object pending_restart_reason(const std::vector<ha::PendingSetting>& pending);

std::string_view to_string(ha::MemberState state);          // "creating replica"
std::string_view to_string(ha::MemberRole role);            // "standby_leader"
ha::MemberState parse_member_state(std::string_view text);  // unknown for what it does not know
ha::MemberRole parse_member_role(std::string_view text);    // "master" is primary, as before Patroni 4

// A field of a wrong type counts as absent, as in Patroni: one odd field must not make a member invisible.
// invalid: the text is no JSON object.
base::Result<MemberValue> parse_member_value(std::string_view text);
std::string write_member_value(const MemberValue& value);

// The tags that we know, out of all. https://patroni.readthedocs.io/en/latest/yaml_configuration.html#tags
// Unlike Patroni, which takes every non-empty string for true, "false", "off", "no" and "0" are false.
ha::Tags parse_tags(const boost::json::object& tags);
// What of the configured tags is published: false predefined ones are not, unless the matching priority is
// set too.
boost::json::object published_tags(const boost::json::object& configured);

ha::Member to_member(std::string name, ha::LeaseId lease, const MemberValue& value);

}  // namespace holdfast::patroni
