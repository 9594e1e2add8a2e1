// A node's configuration, as values. Read from Patroni's YAML by patroni/config_file.
// https://patroni.readthedocs.io/en/latest/yaml_configuration.html
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "ha/cluster_view.hpp"
#include "patroni/postgres_commands.hpp"

namespace holdfast::patroni {

struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const HostPort&) const = default;
};

// How to log in to PostgreSQL as one of its users; each setting may be empty.
struct PostgresUser {
  std::string username;
  std::string password;
  std::string sslmode, sslrootcert, sslcert, sslkey, sslpassword, sslcrl, sslcrldir, sslnegotiation,
      gssencmode, channel_binding, krbsrvname;
};

// Client side of TLS towards etcd or other members' REST API; empty fields are off.
struct TlsFiles {
  std::string cacert;
  std::string cert;
  std::string key;
  std::string key_password;
};

struct EtcdConfig {
  std::vector<HostPort> hosts;
  std::string srv, srv_suffix;  // a domain whose SRV records name the hosts instead; empty: none
  bool tls = false;             // protocol: https
  TlsFiles files;
  std::string username;
  std::string password;
};

struct RestApiConfig {
  std::vector<HostPort> listen;  // all share one port
  std::string connect_address;   // host:port that others use
  std::string username, password;
  std::string certfile, keyfile, keyfile_password, cafile, ciphers;
  enum class VerifyClient { none, optional, required } verify_client = VerifyClient::none;
  std::vector<std::string> allowlist;  // addresses, networks, names; empty: everybody
  bool allowlist_include_members = false;
  std::vector<std::pair<std::string, std::string>> http_extra_headers, https_extra_headers;
  enum class ServerTokens { original, product_only, minimal } server_tokens = ServerTokens::original;
  int request_queue_size = 5;  // of connections that wait to be accepted
};

// The client side of members' REST API: of the CLI, and of agents among themselves.
struct CtlConfig {
  TlsFiles files;                  // cacert defaults to restapi.cafile
  bool insecure = false;           // do not verify the members' certificates
  std::string username, password;  // default to the restapi section's
};

// The parts of `postgresql:` that may also come from dynamic configuration.
struct PostgresSettings {
  // names in lower case; values as in postgresql.conf, unquoted
  std::map<std::string, std::string> parameters;
  std::vector<std::string> pg_hba;
  std::vector<std::string> pg_ident;
  bool use_slots = true;    // stream through the slot that the upstream keeps for this member
  std::string custom_conf;  // included in the place of postgresql.base.conf; empty: that one
  PostgresCommands commands;

  bool operator==(const PostgresSettings&) const = default;
};

struct PostgresConfig {
  std::vector<std::string> listen_addresses;
  std::uint16_t port = 5432;
  std::string connect_address;  // host:port that others use; IPv6 in brackets
  std::string
      proxy_address;  // host:port of a pooler beside this instance, published as proxy_url; may be empty
  std::string data_dir;
  std::string bin_dir;  // empty: found in PATH, then in Debian's /usr/lib/postgresql/15/bin
  std::map<std::string, std::string> bin_name;  // of programs that have another name there
  std::string config_base_name = "postgresql";  // of postgresql.conf and postgresql.base.conf
  std::string config_dir;                       // empty: data_dir
  std::string pgpass;                           // where the password file for our own tools is written
  std::string database = "postgres";            // that the agent connects to
  PostgresUser superuser, replication, rewind;
  bool use_unix_socket = false;
  bool use_unix_socket_repl = false;
  PostgresSettings local;             // from this file; wins over dynamic configuration
  std::optional<bool> use_pg_rewind;  // likewise; absent: the file does not say
  boost::json::object section;        // likewise, the whole of it: what commands are read from
};

// Options of initdb: {"encoding", "UTF8"} is --encoding=UTF8; an absent value is a plain flag.
struct InitdbOption {
  std::string name;
  std::optional<std::string> value;
};

struct BootstrapConfig {
  boost::json::object dcs;  // written to etcd's /config when the cluster is made, in file order
  std::vector<InitdbOption> initdb;
  std::optional<BootstrapMethod> method;  // absent: initdb
  std::vector<std::string> pg_hba;        // lines after the default ones, where nothing else gives pg_hba
  std::string post_bootstrap;  // command line run after bootstrap with a connection string appended
};

struct WatchdogConfig {
  enum class Mode { off, automatic, required } mode = Mode::automatic;
  std::string driver = "default";  // or "testing": the device is a named pipe
  std::string device = "/dev/watchdog";
  base::Duration safety_margin = std::chrono::seconds(5);  // below zero: the timeout is half of the ttl

  bool operator==(const WatchdogConfig&) const = default;
};

struct LogConfig {
  // A record's attributes are named as in Python: asctime, levelname, message, ...
  // https://docs.python.org/3/library/logging.html#logrecord-attributes
  struct Field {
    std::string attribute;
    std::string key;  // in a JSON line
  };

  std::string level = "INFO";
  std::string format = "%(asctime)s %(levelname)s: %(message)s";  // of a plain line
  std::string dateformat;                                         // strftime's; empty: with milliseconds
  bool json = false;                                              // type: json
  std::vector<Field> fields = {
      {"asctime", "asctime"}, {"levelname", "levelname"}, {"message", "message"}};  // of a JSON line
  boost::json::object static_fields;                                                // added to each JSON line
  std::string dir;  // of patroni.log; empty: standard error
  int mode = 0;     // of the file; 0: 0644
  std::size_t file_size = 25'000'000;
  std::size_t file_num = 4;
};

struct NodeConfig {
  std::string scope;
  std::string name;
  std::string dcs_namespace = "/service/";  // begins and ends with a slash
  EtcdConfig etcd;
  RestApiConfig restapi;
  CtlConfig ctl;
  PostgresConfig postgresql;
  BootstrapConfig bootstrap;
  WatchdogConfig watchdog;
  ha::Tags tags;
  boost::json::object tags_json;  // as written to etcd: file order, false predefined tags dropped
  LogConfig log;
  // What patroni.dynamic.json said when the agent started: newer than bootstrap.dcs, which is for new
  // clusters.
  std::optional<boost::json::object> remembered_dynamic;

  // The dynamic configuration as long as etcd has not been asked.
  const boost::json::object& first_dynamic() const {
    return remembered_dynamic ? *remembered_dynamic : bootstrap.dcs;
  }
};

}  // namespace holdfast::patroni
