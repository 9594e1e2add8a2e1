// The commands: a table, and what each of them gets to work with.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.hpp"
#include "ctl/ctl_config.hpp"
#include "ctl/table.hpp"
#include "ctl/terminal.hpp"
#include "net/http_client.hpp"
#include "net/runtime.hpp"
#include "ports/dcs.hpp"

namespace holdfast::ctl {

// Under which name the program was called, and so whose manners it has. As patronictl it prints and exits as
// patronictl does; as holdfast it tells more and exits with 1 where patronictl hides a failure behind 0.
enum class Face { holdfast, patronictl };

// What a command was called with. Each command takes some of them.
struct Arguments {
  std::vector<std::string> clusters;  // `list` takes several
  std::vector<std::string> members;
  std::string target;  // of `flush`
  Format format = Format::pretty;
  bool extended = false;
  bool timestamp = false;
  bool watch_briskly = false;   // -W
  std::optional<double> watch;  // seconds between two looks
  std::optional<std::string> leader, candidate, scheduled;
  bool force = false;
  bool wait = false;
  std::string role;  // empty: not given
  bool any = false, pending = false;
  std::optional<std::string> pg_version, timeout;
  bool from_leader = false;
  bool quiet = false;
  std::vector<std::string> set, pg;
  std::optional<std::string> apply, replace;
  std::optional<std::string> member, command, file, username, dbname;
  std::string query_format = "tsv", delimiter = "\t";
  bool password = false;
  std::optional<std::string> host, restore_command, primary_slot_name;
  std::optional<std::int64_t> port;
};

// How to ask a PostgreSQL server, for `query`.
struct SqlLogin {
  std::string host;
  std::uint16_t port = 0;
  std::optional<std::string> user, password, database;
};

struct SqlAnswer {
  std::vector<std::string> columns;  // none: the statement returns no rows
  std::vector<boost::json::array> rows;
};

// A connection to one server. Errors carry the SQLSTATE in `message` where the server gave one.
class SqlConnection {
 public:
  virtual ~SqlConnection() = default;
  virtual base::Result<SqlAnswer> run(const std::string& sql) = 0;
};

// The world outside of etcd and the members' REST API.
struct Outside {
  // The text of a file; refused or failed when it cannot be read, with errno's text.
  std::function<base::Result<std::string>(const std::string& path)> read_file;
  std::function<base::Result<std::unique_ptr<SqlConnection>>(const SqlLogin&)> connect;
  // Lets the person edit a text in $EDITOR; `name` is for the file's name.
  std::function<base::Result<std::string>(const std::string& name, const std::string& text)> edit;
};

// What a command works with.
struct Session {
  Face face = Face::holdfast;
  const Arguments& arguments;
  const CtlSettings& settings;
  const Outside& outside;
  Terminal& terminal;
  net::Runtime& runtime;
  ports::Dcs& dcs;
  net::HttpClient& http;
};

// The exit status of the program.
enum class Exit : int {
  ok = 0,
  failed = 1,           // refused, or it did not work
  usage = 2,            // the command line, or the configuration
  dcs_unreachable = 3,  // etcd did not answer; patronictl would wait for ever: 1 there
  member_refused = 4,   // a member said no, and so it was told; 1, but patronictl's 0
};

// The words after a command.
enum class Takes {
  clusters,                    // [CLUSTER_NAMES]...
  cluster_or_scope,            // [CLUSTER_NAME], by default the scope of the configuration
  cluster,                     // CLUSTER_NAME
  cluster_and_members,         // CLUSTER_NAME [MEMBER_NAMES]...
  cluster_maybe_members,       // [CLUSTER_NAME] [MEMBER_NAMES]...
  cluster_members_and_target,  // CLUSTER_NAME [MEMBER_NAMES]... {restart|switchover}
};

struct Command {
  std::string_view name;
  std::string_view help;      // one line
  std::string_view teaches;   // a paragraph or two for --help
  std::string_view examples;  // of holdfast; each line begins with two blanks
  Takes takes = Takes::cluster_or_scope;
  std::vector<std::string_view> options;  // keys of the option table, see options.cpp
  base::Task<Exit> (*run)(Session&) = nullptr;
};

std::span<const Command> commands();

base::Task<Exit> list(Session& session);
base::Task<Exit> topology(Session& session);
base::Task<Exit> history(Session& session);
base::Task<Exit> show_config(Session& session);
base::Task<Exit> version(Session& session);
base::Task<Exit> switchover(Session& session);
base::Task<Exit> failover(Session& session);
base::Task<Exit> reload(Session& session);
base::Task<Exit> restart(Session& session);
base::Task<Exit> reinit(Session& session);
base::Task<Exit> flush(Session& session);
base::Task<Exit> pause(Session& session);
base::Task<Exit> resume(Session& session);
base::Task<Exit> edit_config(Session& session);
base::Task<Exit> demote_cluster(Session& session);
base::Task<Exit> promote_cluster(Session& session);
base::Task<Exit> remove(Session& session);
base::Task<Exit> dsn(Session& session);
base::Task<Exit> query(Session& session);

}  // namespace holdfast::ctl
