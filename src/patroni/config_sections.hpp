// Sections that several configuration files share: an agent's, a router's, the CLI's.
// Each reads what is there into `into`, reports what is wrong to the map's reader, and keeps defaults
// otherwise.
#pragma once

#include "patroni/node_config.hpp"
#include "patroni/yaml_reader.hpp"

namespace holdfast::patroni {

// `scope`, `namespace`: where in etcd the cluster is.
void read_scope(YamlMap root, std::string& scope, std::string& dcs_namespace);
// `etcd3:`, or `etcd:`, which means the same here. A file with neither is an error, one with another store
// too.
void read_etcd(YamlMap root, EtcdConfig& into);
// `restapi:` of an agent: `listen` and `connect_address` stand in for one another.
void read_restapi(YamlMap root, RestApiConfig& into);
// `ctl:`; what it does not say comes from `restapi:`.
void read_ctl(YamlMap root, CtlConfig& into);
// `log:`
void read_log(YamlMap root, LogConfig& into);

// `key: host:port`. A wildcard is refused, because nobody can connect to it.
bool read_connect_address(YamlMap map, std::string_view key, std::string& into,
                          std::optional<std::uint16_t> default_port);
// `key: host1,host2:port`
bool read_listen(YamlMap map, std::string_view key, std::vector<HostPort>& into,
                 std::optional<std::uint16_t> default_port);

}  // namespace holdfast::patroni
