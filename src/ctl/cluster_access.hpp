// Reading clusters from etcd, and speaking with their members, for all commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctl/command.hpp"
#include "patroni/dcs_values.hpp"

namespace holdfast::ctl {

// Why a command ends, with what the person is told.
struct Failure {
  Exit exit = Exit::failed;
  std::string message;
};

template <class T>
using Outcome = std::expected<T, Failure>;

// The cluster that the command line or the configuration names. usage: neither does.
Outcome<std::string> named_cluster(const Session& session);

// failed: there is no such cluster; the message names those that there are. dcs_unreachable: names the
// endpoints.
base::Task<Outcome<patroni::DcsContents>> read_cluster(Session& session, std::string scope);

patroni::Keys keys_of(const Session& session, std::string_view scope);

// A request to a member's REST API; `api_url` is that of its entry in etcd, only its address counts.
base::Task<base::Result<net::HttpResponse>> ask_member(Session& session, std::string api_url,
                                                       std::string method, std::string target,
                                                       std::string body, base::Duration patience);

// "2026-11-23 21:34:57.60974", the local time as patronictl prints it.
std::string local_timestamp(base::WallTime time);

// Tells the person, and gives the exit status back.
Exit report(Session& session, const Failure& failure);

}  // namespace holdfast::ctl
