// holdfast: one program, several roles. Each role's *_program.cpp shows how its parts are wired.
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <functional>
#include <span>
#include <string_view>

#include "ha/policy.hpp"
#include "main/agent_program.hpp"
#include "main/ctl_program.hpp"
#include "main/router_program.hpp"
#include "main/sim_program.hpp"
#include "main/takeover_program.hpp"

namespace {

using namespace holdfast;

constexpr std::string_view kUsage = R"(Holdfast keeps a PostgreSQL database available.

Usage:
  holdfast agent NODE.yml      run the agent beside a PostgreSQL (Patroni's configuration file)
  holdfast router ROUTER.yml   run the router in front of the clients
  holdfast COMMAND ...         ask or steer a cluster: list, topology, switchover, restart, edit-config, ...
                               `holdfast COMMAND --help` explains each, docs/cli.md all of them
  holdfast takeover ...        exchange a node's Patroni for our agent, or back, without stopping PostgreSQL
  holdfast completion SHELL    print what bash, zsh or fish needs to complete command lines
  holdfast policy-doc          print the policy's rules, as in docs/policy.md
  holdfast sim ...             run clusters in the simulator (for developers)
  holdfast --version

Called as `patroni` it takes Patroni's arguments, called as `patronictl` those of patronictl.

Examples:
  holdfast agent /etc/holdfast/node1.yml
  holdfast list -c /etc/holdfast/node1.yml
  holdfast switchover -c /etc/holdfast/node1.yml --candidate node2
)";

int print_usage() {
  fmt::print("{}", kUsage);
  return 0;
}

int print_version() {
  fmt::print("holdfast {}\n", HOLDFAST_VERSION);
  return 0;
}

constexpr std::string_view kRouterUsage = R"(Usage: holdfast router ROUTER.yml

Runs the router in the foreground, with the log on standard error. docs/router.md describes ROUTER.yml.
Exit codes: 0 stopped as asked; 1 cannot start; 2 command line or configuration not usable.
)";

int router(int argc, char** argv) {
  const std::string_view first = argc > 0 ? argv[0] : "";
  if (argc == 1 && !first.starts_with('-')) return run_router(argv[0]);
  const bool asked = first == "--help" || first == "-h";
  if (!asked) fmt::print(stderr, "holdfast router: expected one configuration file\n\n");
  fmt::print(asked ? stdout : stderr, "{}", kRouterUsage);
  return asked ? 0 : 2;
}

int print_policy() {
  fmt::print("{}", holdfast::ha::policy_document());
  return 0;
}

std::string_view called_as(std::string_view path) { return path.substr(path.rfind('/') + 1); }

int run(int argc, char** argv) {
  const std::string_view name = called_as(argv[0]);
  if (name == "patroni") return run_agent(argc - 1, argv + 1);
  if (name == "patronictl" || argc < 2)
    return argc < 2 && name != "patronictl" ? print_usage() : run_ctl(argc, argv, name == "patronictl");

  const std::string_view role = argv[1];
  if (role == "agent") return run_agent(argc - 2, argv + 2);
  if (role == "router") return router(argc - 2, argv + 2);
  if (role == "takeover") return run_takeover(argc - 2, argv + 2);
  if (role == "sim") return run_sim(argc - 1, argv + 1);
  if (role == "policy-doc") return print_policy();
  if (role == "--version" || role == "-V") return print_version();
  if (role == "--help" || role == "-h" || role == "help") return print_usage();
  return run_ctl(argc, argv, false);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "holdfast: {}\n", error.what());
    return 1;
  }
}
