// What the CLI needs to know: where etcd is, which cluster is meant, how to log in to the members' REST API.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "patroni/environment.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::ctl {

struct CtlSettings {
  std::string scope;  // may be empty: then every command must name it
  std::string dcs_namespace = "/service/";
  patroni::EtcdConfig etcd;
  patroni::CtlConfig rest;
};

inline constexpr std::string_view kNoEtcd =
    "where is etcd? Name a configuration file with -c (an agent's will do), or etcd itself with -d "
    "host:port, or "
    "set PATRONI_ETCD3_HOSTS";

// From a file of an agent, a router or the CLI's own (`scope`, `namespace`, `etcd3`, `ctl`, `restapi`): other
// sections are not looked at. `dcs_url` wins over all, then the environment, then the file. An empty `yaml`
// is no file. invalid: every error, one per line.
base::Result<CtlSettings> read_ctl_settings(std::string_view yaml, std::string file_name,
                                            const patroni::Environment& environment,
                                            const std::optional<std::string>& dcs_url);

}  // namespace holdfast::ctl
