// A router's configuration file. docs/router.md tells its keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "patroni/node_config.hpp"
#include "routing/router_config.hpp"

namespace holdfast::patroni {

struct RouterFile {
  std::string scope;
  std::string dcs_namespace = "/service/";  // begins and ends with a slash
  EtcdConfig etcd;
  routing::RouterConfig router;
  CtlConfig ctl;  // how to reach the members' REST APIs; the login is not used
  LogConfig log;
};

struct LoadedRouterFile {
  RouterFile config;
  std::vector<std::string> warnings;  // each to be logged; none keeps the router from running
};

// invalid: the message holds every error of the file, one per line, each with file, key, line, what was
// expected and what was found.
base::Result<LoadedRouterFile> load_router_config(std::string_view yaml, std::string file_name);

}  // namespace holdfast::patroni
