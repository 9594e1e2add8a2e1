// holdfast takeover: on one node, the agent is exchanged for the other kind (Patroni's or ours) while its
// PostgreSQL goes on. The cluster is paused meanwhile, so that an agent that ends leaves PostgreSQL running
// and nobody takes the leadership of a node without an agent.
//
//   check      what stands in the way, without doing anything
//   start      pause -> stop Patroni -> start ours -> it leads or follows as before -> resume
//   rollback   the same, back to Patroni
//
// Any step that fails brings the former agent back; the cluster then stays paused, for a person to look at.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "ctl/terminal.hpp"
#include "net/http_client.hpp"
#include "net/runtime.hpp"
#include "patroni/dcs_values.hpp"
#include "patroni/node_config.hpp"
#include "ports/dcs.hpp"

namespace holdfast::ctl {

// A running agent, with all that is needed to start it again.
struct AgentProcess {
  pid_t pid = 0;
  std::vector<std::string> argv, environment;
  std::string directory;            // that it runs in
  std::string log;                  // the file that its output goes to; empty: none
  std::string unit;                 // of systemd; empty: not started by it
  bool unit_ends_children = false;  // it lacks KillMode=process: stopping it would stop PostgreSQL, too
  uid_t uid = 0;
};

struct PostmasterProcess {
  pid_t pid = 0;
  std::uint64_t started = 0;  // with the pid this is one process for good
  uid_t uid = 0;
  std::string version;  // PG_VERSION: "15"

  bool operator==(const PostmasterProcess&) const = default;
};

// What a takeover does to this machine.
class TakeoverHost {
 public:
  virtual ~TakeoverHost() = default;
  // Who listens at the REST API's port; nothing: nobody.
  virtual base::Result<std::optional<AgentProcess>> agent_at(std::uint16_t port) = 0;
  virtual std::optional<PostmasterProcess> postmaster_of(const std::string& data_dir) = 0;
  // Returns when it has ended. failed: it did not by `deadline`.
  virtual base::Task<base::Result<void>> stop(AgentProcess agent, base::Instant deadline) = 0;
  virtual base::Result<void> start(const AgentProcess& agent) = 0;
  // Our agent, as it is to be started in place of `former`.
  virtual AgentProcess ours_instead_of(const AgentProcess& former) = 0;
  // Patroni as it was stopped, for a rollback. Readable by its owner only: the environment may hold
  // passwords.
  virtual base::Result<void> keep_record(const AgentProcess& patroni) = 0;
  virtual base::Result<AgentProcess> read_record() = 0;
};

enum class TakeoverStep { check, start, rollback };

struct TakeoverWorld {
  const patroni::NodeConfig& config;
  std::vector<std::string> config_warnings;
  Terminal& terminal;
  net::Runtime& runtime;
  ports::Dcs& dcs;
  net::HttpClient& http;
  TakeoverHost& host;
};

// The exit status of the program: 0 done or nothing in the way; 1 not.
base::Task<int> take_over(TakeoverWorld& world, TakeoverStep step);

}  // namespace holdfast::ctl
