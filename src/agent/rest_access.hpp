// Who may ask this node for a change: by address, client certificate and password.
// https://patroni.readthedocs.io/en/latest/yaml_configuration.html#rest-api
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/task.hpp"
#include "ha/cluster_view.hpp"
#include "net/http.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::agent {

// The IP addresses of a host's name; none when it has none, or nobody knows.
using Resolve = std::function<base::Task<std::vector<std::string>>(std::string host)>;

enum class Caller {
  anybody,
  trusted,  // on the allowlist, with a client certificate and the password, as far as these are configured
  member,   // the same, but without allowlist_include_members: members need each other when etcd is away
};

class RestAccess {
 public:
  explicit RestAccess(Resolve resolve) : resolve_(std::move(resolve)) {}

  // The answer for who may not; absent: go on.
  base::Task<std::optional<net::HttpResponse>> refuse(const net::HttpRequest& request, Caller caller,
                                                      const patroni::RestApiConfig& config,
                                                      const ha::ClusterView& view);

 private:
  base::Task<bool> on_allowlist(const net::HttpRequest& request, bool members_too,
                                const patroni::RestApiConfig& config, const ha::ClusterView& view);
  base::Task<bool> covers(std::string entry, std::string address);

  Resolve resolve_;
};

}  // namespace holdfast::agent
