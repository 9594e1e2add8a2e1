#include "main/takeover_program.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <string_view>

#include "ctl/takeover.hpp"
#include "etcd/etcd_dcs.hpp"
#include "main/environment.hpp"
#include "main/takeover_host.hpp"
#include "main/terminal.hpp"
#include "net/http_client.hpp"
#include "net/tls.hpp"
#include "patroni/config_file.hpp"
#include "telemetry/log.hpp"

namespace holdfast {
namespace {

constexpr int kBadUsage = 2;

constexpr std::string_view kUsage =
    R"(Usage: holdfast takeover --check|--start|--rollback [--unit UNIT] NODE.yml

Exchanges the agent of this node while its PostgreSQL goes on: Patroni's for ours, or back. Run it on the node itself,
as root or as the user of the agent, with the file (and the PATRONI_* variables) that the agent was started with.
One node after the other; Patroni and Holdfast work together meanwhile. docs/cli.md tells the whole way.

  --check        say what stands in the way; changes nothing
  --start        pause the cluster, stop Patroni, start our agent, see that it is well, resume the cluster
  --rollback     the same, back to the Patroni that --start stopped
  --unit UNIT    our agent's systemd unit, where Patroni is one (default: holdfast-agent.service)

If a step fails, the former agent is started again, and the cluster stays paused for a person to look at.
Exit status: 0 done, or nothing stands in the way; 1 not; 2 command line or configuration not usable.

Examples:
  holdfast takeover --check /etc/patroni/config.yml
  sudo holdfast takeover --start /etc/patroni/config.yml
  sudo holdfast takeover --rollback /etc/patroni/config.yml
)";

struct Wanted {
  std::optional<ctl::TakeoverStep> step;
  std::string file, unit = "holdfast-agent.service";
  bool help = false;
};

base::Result<Wanted> read_arguments(int argc, char** argv) {
  Wanted wanted;
  for (int i = 0; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto step = word == "--check"      ? std::optional(ctl::TakeoverStep::check)
                      : word == "--start"    ? std::optional(ctl::TakeoverStep::start)
                      : word == "--rollback" ? std::optional(ctl::TakeoverStep::rollback)
                                             : std::nullopt;
    if (step && wanted.step)
      return base::fail(base::ErrorKind::invalid, "only one of --check, --start and --rollback can be done");
    if (step)
      wanted.step = step;
    else if (word == "--help" || word == "-h")
      wanted.help = true;
    else if (word == "--unit" && i + 1 < argc)
      wanted.unit = argv[++i];
    else if (word.starts_with('-'))
      return base::fail(base::ErrorKind::invalid, "{} is not known, or lacks its value", word);
    else if (!wanted.file.empty())
      return base::fail(base::ErrorKind::invalid, "expected one configuration file, found {} too", word);
    else
      wanted.file = word;
  }
  if (!wanted.help && !wanted.step)
    return base::fail(base::ErrorKind::invalid, "expected one of --check, --start and --rollback");
  if (!wanted.help && wanted.file.empty())
    return base::fail(base::ErrorKind::invalid, "expected the node's configuration file");
  return wanted;
}

base::Result<int> take_over(const Wanted& wanted) {
  const auto text = read_text_file(wanted.file);
  if (!text) return std::unexpected(text.error());
  const auto loaded = patroni::load_config(*text, wanted.file, process_environment());
  if (!loaded) return std::unexpected(loaded.error());
  const auto& config = loaded->config;
  net::Runtime runtime;
  auto dcs = etcd::make_dcs(runtime, config.etcd);
  if (!dcs) return std::unexpected(dcs.error());
  const auto& files = config.ctl.files;
  const bool own = files.cert.empty();  // as agents among themselves: else with the node's certificate
  auto tls = net::make_tls_context(net::TlsClientOptions{
      .ca = {files.cacert, "ctl.cacert"},
      .certificate = {own ? config.restapi.certfile : files.cert, own ? "restapi.certfile" : "ctl.certfile"},
      .key = {own ? config.restapi.keyfile : files.key, own ? "restapi.keyfile" : "ctl.keyfile"},
      .key_password = own ? config.restapi.keyfile_password : files.key_password,
      .insecure = config.ctl.insecure});
  if (!tls) return std::unexpected(tls.error());
  net::HttpClient http(runtime, {.tls = std::move(*tls)});
  StandardStreams terminal;
  LocalTakeoverHost host(runtime, std::filesystem::absolute(wanted.file).string(), config.postgresql.data_dir,
                         wanted.unit);
  ctl::TakeoverWorld world{config, loaded->warnings, terminal, runtime, **dcs, http, host};
  return runtime.run_task(ctl::take_over(world, *wanted.step));
}

}  // namespace

int run_takeover(int argc, char** argv) {
  telemetry::set_log_level(telemetry::Level::critical);
  const auto wanted = read_arguments(argc, argv);
  if (!wanted) {
    fmt::print(stderr, "holdfast takeover: {}\n\n{}", wanted.error().message, kUsage);
    return kBadUsage;
  }
  if (wanted->help) {
    fmt::print("{}", kUsage);
    return 0;
  }
  const auto done = take_over(*wanted);
  if (done) return *done;
  fmt::print(stderr, "{}\n", done.error().message);
  return kBadUsage;
}

}  // namespace holdfast
