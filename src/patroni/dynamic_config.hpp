// The cluster's dynamic configuration: the JSON of etcd's /config.
// https://patroni.readthedocs.io/en/latest/dynamic_configuration.html
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ha/settings.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::patroni {

// In the data directory: the dynamic configuration as it was last known, for a node that finds etcd silent or
// empty. Patroni's file, name and format.
inline constexpr auto kDynamicConfigFile = "patroni.dynamic.json";

struct EffectiveConfig {
  ha::Settings settings;
  PostgresSettings
      postgresql;  // complete: everything that postgresql.conf, pg_hba.conf, pg_ident.conf shall say
  // `postgresql:` of the dynamic configuration with that of the node's file over it, key by key: callbacks,
  // create_replica_methods and whatever else either may say. Without `parameters`, `pg_hba` and `pg_ident`,
  // which are above.
  boost::json::object section;
  std::vector<std::string> problems;
};

// What holds on a node: built-in defaults < `dynamic` < the node's file. Never fails: a value of a wrong type
// or out of range is reported in `problems` and its default (or the nearest allowed value) taken instead.
//
// As in Patroni, the settings that must be alike on all nodes (max_connections, wal_level, ...: those that a
// standby cannot start with if they are smaller than the primary's) come from `dynamic` only;
// listen_addresses, port and cluster_name from the file only. loop_wait + 2 * retry_timeout <= ttl is
// enforced by lowering loop_wait, then retry_timeout. The smallest ttl is 3 s (Patroni's is 20 s), of the
// others 1 s.
EffectiveConfig effective_config(const boost::json::object& dynamic, const PostgresConfig& local,
                                 std::string_view scope);

// Patroni's PATCH /config: null removes, objects merge, all else replaces. Below a key that did not exist
// nothing is removed: {"slots": {"a": null}} stores the null, which means a permanent physical slot. Returns
// whether anything changed.
bool patch_config(boost::json::object& config, const boost::json::object& patch);

// The settings that all nodes must share, as they are when nobody says otherwise; for generated files.
boost::json::object default_shared_parameters();

// A value as it stands in postgresql.conf, unquoted: true is "on". Absent for null, lists and objects.
std::optional<std::string> parameter_text(const boost::json::value& value);

}  // namespace holdfast::patroni
