// The node's file, read anew while the agent runs.
#include <utility>

#include "agent/agent.hpp"
#include "patroni/host_port.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

std::string shown(const std::string& value) { return value.empty() ? "not set" : value; }
std::string shown(const std::vector<patroni::HostPort>& addresses) {
  std::string text;
  for (const auto& address : addresses) text += (text.empty() ? "" : ",") + patroni::to_string(address);
  return shown(text);
}

std::string shown(bool https) { return https ? "https" : "http"; }

// What an agent is known by, or holds open, for as long as it runs.
void keep_what_is_fixed(const patroni::NodeConfig& present, patroni::NodeConfig& read) {
  const auto keep = [](std::string_view key, const auto& old_value, auto& new_value) {
    if (shown(new_value) == shown(old_value)) return;
    telemetry::warning("{} is now {} in the configuration, which takes effect when the agent is restarted",
                       key, shown(new_value));
    new_value = old_value;
  };
  keep("scope", present.scope, read.scope);
  keep("name", present.name, read.name);
  keep("namespace", present.dcs_namespace, read.dcs_namespace);
  keep("etcd3.hosts", present.etcd.hosts, read.etcd.hosts);
  keep("etcd3.srv", present.etcd.srv, read.etcd.srv);
  keep("etcd3.protocol", present.etcd.tls, read.etcd.tls);
  keep("postgresql.data_dir", present.postgresql.data_dir, read.postgresql.data_dir);
  keep("postgresql.config_dir", present.postgresql.config_dir, read.postgresql.config_dir);
  keep("postgresql.bin_dir", present.postgresql.bin_dir, read.postgresql.bin_dir);
}

}  // namespace

void Agent::fold_reload() {
  if (!std::exchange(reload_wanted_, false)) return;
  if (!read_config_) return telemetry::warning("there is no configuration file to reload");
  auto read = read_config_();
  if (!read)
    return telemetry::error("the configuration is not reloaded, the old one stays:\n{}",
                            read.error().message);
  telemetry::info("configuration reloaded");
  adopt_config(std::move(*read));
}

// What follows from it is the policy's to decide: a device that runs is given another timeout, or stopped.
void Agent::adopt_watchdog(patroni::WatchdogConfig& read) {
  const auto& present = config_.watchdog;
  auto& watchdog = situation_.local.watchdog;
  if (watchdog.armed && (read.driver != present.driver || read.device != present.device)) {
    telemetry::warning(
        "watchdog.driver and watchdog.device take effect when the agent is restarted: "
        "a device that counts down cannot be exchanged for another");
    read.driver = present.driver;
    read.device = present.device;
  }
  if (read == present) return;
  if (!watchdog.armed) world_.watchdog.reload(read);
  watchdog.mode = watchdog_mode(read.mode);
  watchdog.safety_margin = read.safety_margin;
  watchdog.failure.reset();
}

void Agent::adopt_config(patroni::NodeConfig config) {
  keep_what_is_fixed(config_, config);
  adopt_watchdog(config.watchdog);
  config_ = std::move(config);
  auto& local = situation_.local;
  local.conn_url = conn_url_of(config_);
  local.api_url = api_url_of(config_);
  local.tags = config_.tags;
  world_.postgres.reload_config(config_);
  // No settings are without parameters, so what follows is written and reloaded even if it is what it was:
  // somebody may have changed the files.
  if (applied_) applied_->parameters.clear();
}

void Agent::move_api(std::vector<patroni::HostPort> listen, std::string connect_address) {
  config_.restapi.listen = std::move(listen);
  config_.restapi.connect_address = std::move(connect_address);
  situation_.local.api_url = api_url_of(config_);
  wake_.set();
}

}  // namespace holdfast::agent
