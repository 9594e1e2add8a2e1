// Reading clusters from etcd, and speaking with their members, for all commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctl/command.hpp"
#include "ctl/outcome.hpp"
#include "patroni/dcs_values.hpp"

namespace holdfast::ctl {

// The cluster that the command line or the configuration names. usage: neither does.
Outcome<std::string> named_cluster(const Session& session);

// failed: there is no such cluster; the message names those that there are; to patronictl it is an empty one.
// dcs_unreachable: names the endpoints.
base::Task<Outcome<patroni::DcsContents>> read_cluster(Session& session, std::string scope);

patroni::Keys keys_of(const Session& session, std::string_view scope);

// The dynamic configuration; empty when there is none.
boost::json::object config_of(const patroni::DcsContents& contents);

// How often the agents look at the cluster at least, in seconds.
std::int64_t loop_wait_of(const patroni::DcsContents& contents);

// A request to a member's REST API; `api_url` is that of its entry in etcd, only its address counts.
base::Task<base::Result<net::HttpResponse>> ask_member(Session& session, std::string api_url,
                                                       std::string method, std::string target,
                                                       std::string body, base::Duration patience);

// "2026-11-23 21:34:57.60974", the local time as patronictl prints it.
std::string local_timestamp(base::WallTime time);

// "2026-11-23 21:34:57"
std::string local_seconds(base::WallTime time);

// Tells the person, and gives the exit status back.
Exit report(Session& session, const Failure& failure);

// Something to know that does not end the command; on standard error.
void warn(Session& session, std::string_view text);

}  // namespace holdfast::ctl
