#include "main/router_program.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sys/resource.h>

#include "etcd/etcd_dcs.hpp"
#include "net/runtime.hpp"
#include "net/tls.hpp"
#include "patroni/router_config_file.hpp"
#include "router/router.hpp"
#include "system/systemd.hpp"
#include "telemetry/log.hpp"

namespace holdfast {
namespace {

constexpr int kCannotStart = 1;
constexpr int kBadConfiguration = 2;

base::Result<patroni::LoadedRouterFile> load(const std::string& path) {
  std::ifstream file(path);
  if (!file) return base::fail(base::ErrorKind::invalid, "cannot read {}: {}", path, std::strerror(errno));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad())
    return base::fail(base::ErrorKind::invalid, "cannot read {}: {}", path, std::strerror(errno));
  return patroni::load_router_config(text, path);
}

// A session takes two descriptors, and the usual limit of 1024 is for programs that use select().
void allow_many_descriptors(const routing::RouterConfig& config) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = rlim_t{2} * config.maxconn + config.max_held + 1000;
  if (limit.rlim_cur < wanted)
    telemetry::warning("maxconn and max_held may need {} file descriptors, but only {} are allowed", wanted,
                       limit.rlim_cur);
}

base::Result<net::TlsContext> client_tls(const patroni::CtlConfig& ctl) {
  return net::make_tls_context(net::TlsClientOptions{.ca = {ctl.files.cacert, "ctl.cacert"},
                                                     .certificate = {ctl.files.cert, "ctl.certfile"},
                                                     .key = {ctl.files.key, "ctl.keyfile"},
                                                     .key_password = ctl.files.key_password,
                                                     .insecure = ctl.insecure});
}

int serve(const patroni::RouterFile& config) {
  net::Runtime runtime;
  auto dcs = etcd::make_dcs(runtime, config.etcd);
  if (!dcs) {
    telemetry::critical("{}", dcs.error().message);
    return kBadConfiguration;
  }
  auto to_members = client_tls(config.ctl);
  if (!to_members) {
    telemetry::critical("{}", to_members.error().message);
    return kBadConfiguration;
  }
  router::Router router(runtime, **dcs, {config.scope, config.dcs_namespace, config.router, *to_members});
  if (auto started = router.start(); !started) {
    telemetry::critical("{}", started.error().message);
    return kCannotStart;
  }
  for (const int signal : {SIGTERM, SIGINT})
    runtime.on_signal(signal, [&router] {
      system::notify_stopping();
      router.stop();
    });
  telemetry::info(
      "holdfast router {}: cluster {}, read-write on port {}, read-only on {}, API on {}, dashboard on {}",
      HOLDFAST_VERSION, config.scope, router.data_plane().read_write_port(),
      router.data_plane().read_only_port(), router.api_port(), router.dashboard_port());
  system::notify_ready();
  runtime.run_task(router.run());
  telemetry::info("stopped");
  return 0;
}

}  // namespace

int run_router(const std::string& config_path) {
  const auto loaded = load(config_path);
  if (!loaded) {
    telemetry::critical("{}", loaded.error().message);
    return kBadConfiguration;
  }
  if (const auto set = telemetry::configure_log(loaded->config.log); !set) {
    telemetry::critical("{}", set.error().message);
    return kBadConfiguration;
  }
  for (const auto& warning : loaded->warnings) telemetry::warning("{}", warning);
  allow_many_descriptors(loaded->config.router);
  return serve(loaded->config);
}

}  // namespace holdfast
