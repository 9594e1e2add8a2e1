#include "main/agent_program.hpp"

#include <algorithm>
#include <csignal>
#include <fmt/format.h>
#include <optional>
#include <span>
#include <string_view>
#include <sys/stat.h>

#include "agent/agent.hpp"
#include "agent/http_peers.hpp"
#include "agent/rest_api.hpp"
#include "base/task_group.hpp"
#include "etcd/etcd_dcs.hpp"
#include "main/config_commands.hpp"
#include "main/environment.hpp"
#include "main/node_files.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/ip_network.hpp"
#include "net/runtime.hpp"
#include "net/tls.hpp"
#include "patroni/host_port.hpp"
#include "patroni/member_value.hpp"
#include "postgres/local_postgres.hpp"
#include "system/init_process.hpp"
#include "system/systemd.hpp"
#include "system/watchdog.hpp"
#include "telemetry/log.hpp"

namespace holdfast {
namespace {

using namespace std::chrono_literals;

constexpr int kCannotTakePart = 1;
constexpr int kBadUsage = 2;
constexpr base::Duration kResolveTime = 2s;  // of a name on the REST API's allowlist
constexpr base::Duration kGoodbyeTime = 1s;  // for REST answers under way when the agent ends

constexpr std::string_view kUsage = R"(Usage: holdfast agent [OPTIONS] [NODE.yml]

Runs the agent that owns the PostgreSQL described in NODE.yml, in the foreground, with the log on standard error.
The file is Patroni's (https://patroni.readthedocs.io/en/latest/yaml_configuration.html; docs/configuration.md says
what is understood of it); a directory stands for all *.yml files in it. PATRONI_* environment variables win over
it; without a file, PATRONI_CONFIGURATION holds the configuration.

Options, which end without running anything:
  --validate-config         say what is wrong with NODE.yml
      -i, --ignore-listen-port    accept that somebody listens on its ports already
      -p, --print                 print what was read
  --generate-sample-config  write a configuration to begin with, to NODE.yml or standard output
  --generate-config         write one for a running PostgreSQL, as its superuser
      --dsn DSN                   how to connect to it
  --version, --help

Signals:
  SIGHUP            read NODE.yml again; what needs a restart of the agent is said in the log
  SIGTERM, SIGINT   stop PostgreSQL cleanly, hand leadership over, then end
  SIGKILL           ends the agent only: PostgreSQL goes on, a restarted agent adopts it

Exit codes: 0 stopped as asked; 1 this node cannot take part, or the configuration is not valid; 2 command line or
configuration not usable.
)";

enum class Errand { run, validate, sample, generate, help, version };

struct CommandLine {
  Errand errand = Errand::run;
  std::string path, dsn;
  ValidateOptions validate;
};

// invalid: what is wrong with the command line.
base::Result<CommandLine> parse_command_line(std::span<char*> arguments) {
  CommandLine line;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--help" || argument == "-h")
      line.errand = Errand::help;
    else if (argument == "--version")
      line.errand = Errand::version;
    else if (argument == "--validate-config")
      line.errand = Errand::validate;
    else if (argument == "--generate-sample-config")
      line.errand = Errand::sample;
    else if (argument == "--generate-config")
      line.errand = Errand::generate;
    else if (argument == "--ignore-listen-port" || argument == "-i")
      line.validate.ignore_listen_port = true;
    else if (argument == "--print" || argument == "-p")
      line.validate.print = true;
    else if (argument.starts_with("--dsn="))
      line.dsn = argument.substr(6);
    else if (argument == "--dsn" && i + 1 < arguments.size())
      line.dsn = arguments[++i];
    else if (argument.starts_with("-"))
      return base::fail(base::ErrorKind::invalid, "unknown option {}", argument);
    else if (!line.path.empty())
      return base::fail(base::ErrorKind::invalid, "expected one configuration file, found {} and {}",
                        line.path, argument);
    else
      line.path = argument;
  }
  return line;
}

base::Result<patroni::NodeConfig> load(const std::string& path) {
  auto loaded = load_node_config(path);
  if (!loaded) return std::unexpected(loaded.error());
  if (auto set = telemetry::configure_log(loaded->config.log); !set) return std::unexpected(set.error());
  for (const auto& warning : loaded->warnings) telemetry::warning("{}", warning);
  return std::move(loaded->config);
}

bool has_configuration_in_environment() {
  const auto environment = process_environment();
  return std::ranges::any_of(environment, [](const auto& variable) {
    return variable.first == patroni::kConfigurationVariable || variable.first == "PATRONI_SCOPE";
  });
}

net::VerifyClient verify_client(patroni::RestApiConfig::VerifyClient asked) {
  switch (asked) {
    case patroni::RestApiConfig::VerifyClient::none:
      return net::VerifyClient::none;
    case patroni::RestApiConfig::VerifyClient::optional:
      return net::VerifyClient::optional;
    case patroni::RestApiConfig::VerifyClient::required:
      return net::VerifyClient::required;
  }
  return net::VerifyClient::required;
}

base::Result<net::TlsContext> server_tls(const patroni::RestApiConfig& config) {
  if (config.certfile.empty()) return net::TlsContext();
  return net::make_tls_context(net::TlsServerOptions{.certificate = {config.certfile, "restapi.certfile"},
                                                     .key = {config.keyfile, "restapi.keyfile"},
                                                     .ca = {config.cafile, "restapi.cafile"},
                                                     .key_password = config.keyfile_password,
                                                     .ciphers = config.ciphers,
                                                     .verify_client = verify_client(config.verify_client)});
}

// Towards other members: as patronictl would, with ctl's files, else with our own certificate.
base::Result<net::TlsContext> client_tls(const patroni::NodeConfig& config) {
  const auto& files = config.ctl.files;
  const bool own = files.cert.empty();
  return net::make_tls_context(
      net::TlsClientOptions{.ca = files.cacert.empty() || files.cacert == config.restapi.cafile
                                      ? net::TlsFile{config.restapi.cafile, "restapi.cafile"}
                                      : net::TlsFile{files.cacert, "ctl.cacert"},
                            .certificate = own ? net::TlsFile{config.restapi.certfile, "restapi.certfile"}
                                               : net::TlsFile{files.cert, "ctl.certfile"},
                            .key = own ? net::TlsFile{config.restapi.keyfile, "restapi.keyfile"}
                                       : net::TlsFile{files.key, "ctl.keyfile"},
                            .key_password = own ? config.restapi.keyfile_password : files.key_password,
                            .insecure = config.ctl.insecure});
}

base::Task<void> serve(agent::Agent& agent, net::HttpServer& rest, net::Runtime& runtime,
                       agent::ExitReason& reason) {
  reason = co_await agent.run();
  co_await rest.stop(runtime.clock().now() + kGoodbyeTime);
}

std::string shown(const std::vector<patroni::HostPort>& addresses) {
  std::string text;
  for (const auto& address : addresses) text += (text.empty() ? "" : ",") + patroni::to_string(address);
  return text;
}

// Beside the agent, which waits for no name server; others are told the new address when it is served.
base::Task<void> move_api(net::HttpServer& rest, net::Runtime& runtime, agent::Agent& agent,
                          patroni::RestApiConfig asked, std::vector<patroni::HostPort>& listens_on) {
  const auto moved = co_await rest.listen_instead(asked.listen, runtime.clock().now() + kResolveTime);
  if (!moved) {
    telemetry::error("restapi.listen: {}; it stays {}", moved.error().message, shown(listens_on));
    if (!rest.listens()) listens_on.clear();  // so that a reload tries again
    co_return;
  }
  telemetry::info("the REST API listens on {} now", shown(asked.listen));
  listens_on = asked.listen;
  agent.move_api(std::move(asked.listen), std::move(asked.connect_address));
}

// An agent with all its parts, until it ends.
base::Result<agent::ExitReason> run_node(const std::string& path, const patroni::NodeConfig& config) {
  net::Runtime runtime;
  auto dcs = etcd::make_dcs(runtime, config.etcd);
  if (!dcs) return std::unexpected(dcs.error());
  auto from_peers = server_tls(config.restapi);
  if (!from_peers) return std::unexpected(from_peers.error());
  auto to_peers = client_tls(config);
  if (!to_peers) return std::unexpected(to_peers.error());
  auto postgres = runtime.run_task(postgres::LocalPostgres::open(runtime, config));
  if (!postgres) return std::unexpected(postgres.error());

  net::HttpClient http(runtime, {.tls = *to_peers});
  agent::HttpPeers peers(http, config.ctl.username, config.ctl.password);
  const auto watchdog = system::make_watchdog(config.watchdog);
  agent::Agent agent({runtime.clock(), **dcs, **postgres, peers, *watchdog}, config);
  agent::RestApi api(agent, [&runtime](std::string host) {
    return net::resolve_host(runtime, std::move(host), runtime.clock().now() + kResolveTime);
  });
  net::HttpServer rest(
      runtime,
      {.listen = config.restapi.listen, .tls = *from_peers, .queue_size = config.restapi.request_queue_size},
      [&api](net::HttpRequest request) { return api.handle(std::move(request)); });
  if (auto started = rest.start(); !started) return base::in("restapi.listen", started.error());

  for (const int signal : {SIGTERM, SIGINT})
    runtime.on_signal(signal, [&agent] {
      system::notify_stopping();
      agent.request_stop();
    });
  auto listens_on = config.restapi.listen;
  base::TaskGroup moves(runtime.executor());
  const auto read_config = [&]() -> base::Result<patroni::NodeConfig> {
    auto read = load(path);
    if (!read) return read;
    auto from_now = server_tls(read->restapi);
    if (!from_now) return std::unexpected(from_now.error());
    auto to_now = client_tls(*read);
    if (!to_now) return std::unexpected(to_now.error());
    if (auto taken = (*dcs)->reload(read->etcd); !taken) return std::unexpected(taken.error());
    rest.set_tls(*from_now);
    http.set_tls(*to_now);
    peers.set_login(read->ctl.username, read->ctl.password);
    moves.cancel_all();
    if (read->restapi.listen != listens_on) {
      moves.spawn(move_api(rest, runtime, agent, read->restapi, listens_on));
      read->restapi.listen = agent.config().restapi.listen;
      read->restapi.connect_address = agent.config().restapi.connect_address;
    }
    return read;
  };
  agent.read_config_with([&] {
    system::notify_reloading();
    auto read = read_config();
    system::notify_ready();
    return read;
  });
  runtime.on_signal(SIGHUP, [&agent] { agent.request_reload(); });
  telemetry::info("holdfast {} agent for {} in cluster {}", HOLDFAST_VERSION, config.name, config.scope);
  system::notify_ready();
  auto reason = agent::ExitReason::stopped;
  runtime.run_task(serve(agent, rest, runtime, reason));
  return reason;
}

}  // namespace

namespace {

int run(const std::string& path) {
  umask(0077);  // password files, data directories: nothing of ours is for others
  const auto config = load(path);
  if (!config) {
    fmt::print(stderr, "{}\n", config.error().message);
    return kBadUsage;
  }
  const auto ended = run_node(path, *config);
  if (!ended) {
    telemetry::critical("{}", ended.error().message);
    return kBadUsage;
  }
  telemetry::info("ended");
  return *ended == agent::ExitReason::stopped ? 0 : kCannotTakePart;
}

}  // namespace

int run_agent(int argc, char** argv) {
  const auto line = parse_command_line({argv, static_cast<std::size_t>(argc)});
  if (!line || (argc == 0 && !has_configuration_in_environment())) {
    fmt::print(stderr, "holdfast agent: {}\n\n{}",
               line ? "expected a configuration file" : line.error().message, kUsage);
    return kBadUsage;
  }
  switch (line->errand) {
    case Errand::help:
      fmt::print("{}", kUsage);
      return 0;
    case Errand::version:
      fmt::print("holdfast {} (compatible with patroni {})\n", HOLDFAST_VERSION, patroni::kPatroniVersion);
      return 0;
    case Errand::validate:
      return validate_config(line->path, line->validate);
    case Errand::sample:
      return generate_sample_config(line->path);
    case Errand::generate:
      return generate_config(line->path, line->dsn);
    case Errand::run:
      break;
  }
  system::leave_process_one();
  return run(line->path);
}

}  // namespace holdfast
