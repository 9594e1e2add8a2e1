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

// What a command was called with. Each command takes some of them.
struct Arguments {
  std::vector<std::string> clusters;  // or one cluster and members
  Format format = Format::pretty;
  bool extended = false;
  bool timestamp = false;
  std::optional<double> watch;  // seconds between two looks
  std::string leader, candidate;
  std::optional<std::string> scheduled;
  bool force = false;
};

// What a command works with.
struct Session {
  const Arguments& arguments;
  const CtlSettings& settings;
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
  dcs_unreachable = 3,  // etcd did not answer
};

enum class Takes { clusters, one_cluster, cluster_and_members };

struct Command {
  std::string_view name;
  std::string_view help;
  std::string_view examples;
  Takes takes = Takes::one_cluster;
  std::vector<std::string_view> options;  // long names of those it takes, see arguments.cpp
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

}  // namespace holdfast::ctl
