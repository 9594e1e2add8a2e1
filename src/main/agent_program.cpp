#include "main/agent_program.hpp"

#include <csignal>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <sys/stat.h>

#include "agent/agent.hpp"
#include "agent/http_peers.hpp"
#include "agent/rest_api.hpp"
#include "etcd/etcd_dcs.hpp"
#include "main/environment.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/runtime.hpp"
#include "net/tls.hpp"
#include "patroni/config_file.hpp"
#include "postgres/local_postgres.hpp"
#include "telemetry/log.hpp"

namespace holdfast {
namespace {

using namespace std::chrono_literals;

constexpr int kCannotTakePart = 1;
constexpr int kBadUsage = 2;
constexpr base::Duration kGoodbyeTime = 1s;  // for REST answers under way when the agent ends

constexpr std::string_view kUsage = R"(Usage: holdfast agent NODE.yml

Runs the agent that owns the PostgreSQL described in NODE.yml, in the foreground, with the log on standard error.
The file is Patroni's (https://patroni.readthedocs.io/en/latest/yaml_configuration.html; docs/configuration.md says
what is understood of it); PATRONI_* environment variables win over it.

Signals:
  SIGTERM, SIGINT   stop PostgreSQL cleanly, hand leadership over, then end
  SIGKILL           ends the agent only: PostgreSQL goes on, a restarted agent adopts it

Exit codes: 0 stopped as asked; 1 this node cannot take part; 2 command line or configuration not usable.
)";

telemetry::Level log_level(std::string_view name) {
  if (name == "DEBUG" || name == "TRACE") return telemetry::Level::debug;
  if (name == "WARNING" || name == "WARN") return telemetry::Level::warning;
  if (name == "ERROR") return telemetry::Level::error;
  if (name == "CRITICAL") return telemetry::Level::critical;
  return telemetry::Level::info;
}

base::Result<patroni::NodeConfig> load(const std::string& path) {
  const auto text = read_text_file(path);
  if (!text) return std::unexpected(text.error());
  auto loaded = patroni::load_config(*text, path, process_environment());
  if (!loaded) return std::unexpected(loaded.error());
  for (const auto& warning : loaded->warnings) telemetry::warning("{}", warning);
  telemetry::set_log_level(log_level(loaded->config.log_level));
  return std::move(loaded->config);
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

// An agent with all its parts, until it ends.
base::Result<agent::ExitReason> run_node(const patroni::NodeConfig& config) {
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
  agent::HttpPeers peers(http);
  agent::Agent agent({runtime.clock(), **dcs, **postgres, peers}, config);
  agent::RestApi api(agent);
  net::HttpServer rest(runtime, {.listen = config.restapi.listen, .tls = *from_peers},
                       [&api](net::HttpRequest request) { return api.handle(std::move(request)); });
  if (auto started = rest.start(); !started) return base::in("restapi.listen", started.error());

  for (const int signal : {SIGTERM, SIGINT}) runtime.on_signal(signal, [&agent] { agent.request_stop(); });
  runtime.on_signal(SIGHUP,
                    [] { telemetry::warning("SIGHUP: the file is read at start only; restart the agent"); });
  telemetry::info("holdfast {} agent for {} in cluster {}", HOLDFAST_VERSION, config.name, config.scope);
  auto reason = agent::ExitReason::stopped;
  runtime.run_task(serve(agent, rest, runtime, reason));
  return reason;
}

}  // namespace

int run_agent(int argc, char** argv) {
  const std::string_view first = argc > 0 ? argv[0] : "";
  if (first == "--help" || first == "-h") {
    fmt::print("{}", kUsage);
    return 0;
  }
  if (argc != 1 || first.starts_with('-')) {
    fmt::print(stderr, "holdfast agent: expected one configuration file{}\n\n{}",
               argc == 0 ? "" : fmt::format(", found {} arguments", argc), kUsage);
    return kBadUsage;
  }
  umask(0077);  // password files, data directories: nothing of ours is for others
  const auto config = load(argv[0]);
  if (!config) {
    fmt::print(stderr, "{}\n", config.error().message);
    return kBadUsage;
  }
  const auto ended = run_node(*config);
  if (!ended) {
    telemetry::critical("{}", ended.error().message);
    return kBadUsage;
  }
  telemetry::info("ended");
  return *ended == agent::ExitReason::stopped ? 0 : kCannotTakePart;
}

}  // namespace holdfast
