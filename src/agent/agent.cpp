#include "agent/agent.hpp"

#include <algorithm>
#include <set>

#include "ha/candidate.hpp"
#include "ha/watchdog.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;

// When a rule asks for the same thing twice in a tick, doing it did not help; at once again would not either.
constexpr base::Duration kRepeatPause = 100ms;
// However urgent: the loop must not spin.
constexpr base::Duration kShortestSleep = 2ms;
// Before the watch begins again after etcd has compacted its history away.
constexpr base::Duration kRewatchPause = 100ms;

}  // namespace

Agent::Agent(World world, patroni::NodeConfig config, Observer* observer, std::span<const ha::Rule> rules)
    : world_(world),
      config_(std::move(config)),
      keys_(config_.dcs_namespace, config_.scope),
      observer_(observer),
      rules_(rules),
      dynamic_(config_.first_dynamic()),
      remembered_(config_.remembered_dynamic),
      wake_(world.clock.executor()),
      publish_wanted_(world.clock.executor()),
      tasks_(world.clock.executor()) {
  auto& local = situation_.local;
  local.name = config_.name;
  local.conn_url = conn_url_of(config_);
  local.api_url = api_url_of(config_);
  local.tags = config_.tags;
  local.watchdog.mode = watchdog_mode(config_.watchdog.mode);
  local.watchdog.safety_margin = config_.watchdog.safety_margin;
  local.memory.agent_started_at = world_.clock.now();
  situation_.settings = patroni::effective_config(dynamic_, config_.postgresql, config_.scope).settings;
}

Agent::~Agent() = default;

std::string Agent::conn_url_of(const patroni::NodeConfig& config) {
  return "postgres://" + config.postgresql.connect_address + "/" + config.postgresql.database;
}

base::Task<ExitReason> Agent::run() {
  tasks_.spawn(publisher());
  tasks_.spawn(watch_cluster());
  while (true) {
    wake_.clear();
    const auto exit = co_await tick();
    publish();
    if (exit) {
      co_await write_published();
      co_return *exit;
    }
    look_at_ = std::max(look_at_, world_.clock.now() + kShortestSleep);
    co_await base::first_ends_first(world_.clock.executor(), wait_for_news(),
                                    world_.clock.sleep_until(look_at_));
  }
}

base::Task<void> Agent::wait_for_news() {
  base::TaskGroup group(world_.clock.executor());
  group.spawn(wake_when_postgres_ends());
  co_await wake_.wait();
}

base::Task<void> Agent::wake_when_postgres_ends() {
  co_await world_.postgres.ended().wait();
  wake_.set();
}

base::Task<std::optional<ExitReason>> Agent::tick() {
  std::set<std::string_view> fired;
  situation_.peers.reset();
  situation_.failsafe_asked = false;
  while (true) {
    co_await observe();
    auto decision = ha::decide(situation_, rules_);
    note(decision);
    if (const auto* wait = std::get_if<ha::Wait>(&decision.action)) {
      look_at_ = wait->until;
      co_return std::nullopt;
    }
    if (std::holds_alternative<ha::Exit>(decision.action)) co_return ExitReason::stopped;
    if (std::holds_alternative<ha::Refuse>(decision.action)) {
      telemetry::critical("{} (postgresql.data_dir: {})", decision.reason, config_.postgresql.data_dir);
      co_return ExitReason::refused;
    }
    if (!fired.insert(decision.rule).second) {
      look_at_ = situation_.now + kRepeatPause;
      co_return std::nullopt;
    }
    publish();  // what others wait for is worth saying before a long step
    co_await act(std::move(decision));
  }
}

void Agent::request_reload() {
  reload_wanted_ = true;
  wake_.set();
}

void Agent::request_stop() {
  situation_.local.stop_requested = true;
  wake_.set();
}

ha::PeerStatus Agent::peer_status() const {
  const auto& status = situation_.local.instance.status;
  ha::PeerStatus answer{.running = status.has_value(), .dcs_reachable = situation_.cluster.has_value()};
  answer.watchdog_failed = ha::watchdog_failed(situation_);
  if (status) {
    answer.in_recovery = status->in_recovery;
    answer.timeline = status->timeline;
    answer.position = status->position;
    answer.confirms_nothing_since = ha::confirms_nothing_since(situation_, situation_.local.instance);
  }
  return answer;
}

base::Task<void> Agent::watch_cluster() {
  while (true) {
    if (contents_.view.revision > 0) {
      const auto watch = world_.dcs.watch(keys_.prefix(), contents_.view.revision + 1);
      while (true) {
        const auto events = co_await watch->next();
        if (!events) {
          telemetry::warning("watching etcd: {}", events.error().message);
          break;
        }
        if (std::ranges::any_of(*events, [this](const auto& event) { return worth_waking(event); }))
          wake_.set();
      }
    }
    co_await world_.clock.sleep_until(world_.clock.now() + kRewatchPause);
  }
}

bool Agent::worth_waking(const ports::WatchEvent& event) const {
  const auto key = keys_.relative(event.entry.key);
  static constexpr std::string_view kWatched[] = {"leader", "failover", "config", "sync", "initialize"};
  if (std::ranges::find(kWatched, key) != std::end(kWatched)) return true;
  // It is the leader's word on how far slots may be moved here.
  if (key == "status") return !contents_.view.led_by(config_.name);
  // The leader says in its member entry when it has become primary: that is when others can compare with it.
  const auto& leader = contents_.view.leader;
  return leader && leader->name != config_.name && key == "members/" + leader->name;
}

void Agent::note(const ha::Decision& decision) {
  if (observer_) observer_->decided(situation_, decision);
  const bool routine = decision.rule == "lease.renew" || decision.rule == last_noted_;
  const auto level = decision.warning ? telemetry::Level::warning : telemetry::Level::info;
  telemetry::log(routine ? telemetry::Level::debug : level, "[{}] {}: {}", decision.rule,
                 ha::to_string(decision.action), decision.reason);
  if (decision.rule != "lease.renew") last_noted_ = decision.rule;
}

}  // namespace holdfast::agent
