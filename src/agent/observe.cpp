// One look at the world: etcd and PostgreSQL at the same time, folded into the situation.
#include <algorithm>
#include <utility>

#include "agent/agent.hpp"
#include "ha/failsafe.hpp"
#include "ha/memory.hpp"
#include "ha/rules.hpp"
#include "ha/slots.hpp"
#include "patroni/rest_json.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;

// A healthy server answers in milliseconds; one that does not is as good as silent.
constexpr base::Duration kServerAnswerTime = 1s;
constexpr base::Duration kConfigureTime = 5s;
constexpr base::Duration kCurrentFor = 50ms;
// An etcd that needs longer for a read is as good as silent.
constexpr base::Duration kHurriedLook = 1s;
// For one round trip to a healthy etcd, when the right to run a primary has ended.
constexpr base::Duration kLastChance = 200ms;

// Nothing is written into a directory that is not, or not known to be, this cluster's.
bool may_configure(const ha::Situation& s) {
  const auto& instance = s.local.instance;
  switch (instance.data) {
    case ha::DataDirectory::foreign:
    case ha::DataDirectory::other_major:
    case ha::DataDirectory::unreadable:
      return false;
    case ha::DataDirectory::valid:
      break;
    default:
      return true;
  }
  // Without etcd a stopped primary is not started either; a standby goes on as what it was.
  if (!s.cluster) return instance.process != ha::Process::stopped || instance.standby_signal;
  const auto& initialize = s.cluster->initialize;
  return !initialize || initialize->empty() || !instance.control ||
         instance.control->system_id == *initialize;
}

}  // namespace

// A primary must know by the end of its right whether it is still leader; after it, in no time.
base::Instant Agent::deadline_within(base::Duration most) const {
  const auto now = world_.clock.now();
  const auto& local = situation_.local;
  // An armed watchdog is stopped as soon as PostgreSQL has ended: that must not wait for etcd either.
  if (!local.right_until || (!ha::may_accept_writes(local) && !local.watchdog.armed)) return now + most;
  return std::min(now + most, std::max(*local.right_until, now + kLastChance));
}

base::Instant Agent::etcd_deadline() const {
  return deadline_within(std::min(situation_.settings.retry_timeout, situation_.settings.ttl / 4));
}

// A silent etcd must not hold up what does not wait for it: the members confirm that we lead and are to be
// asked again, or PostgreSQL is being ended and is to be started as what it may be.
base::Instant Agent::look_deadline() const {
  const auto& job = situation_.local.job;
  const bool ending = finished_job_ || (job && job->kind == ha::JobKind::stop);
  const bool hurried = ha::leads_in_failsafe(situation_) || (!situation_.cluster && ending);
  return hurried ? std::min(etcd_deadline(), world_.clock.now() + kHurriedLook) : etcd_deadline();
}

base::Task<void> Agent::observe() {
  world_.postgres.ended().clear();
  const auto deadline = look_deadline();
  fold_reload();
  fold_finished_job();
  auto [snapshot, instance] =
      co_await base::both(world_.clock.executor(), world_.dcs.read(keys_.prefix(), deadline),
                          world_.postgres.observe(deadline_within(kServerAnswerTime)));
  if (!instance.status_problem.empty() && instance.status_problem != situation_.local.instance.status_problem)
    telemetry::warning("PostgreSQL: {}", instance.status_problem);
  situation_.local.instance = std::move(instance);
  situation_.local.watchdog.usable = world_.watchdog.usable();
  situation_.now = world_.clock.now();
  situation_.wall_time = world_.clock.wall_time();
  fold_snapshot(snapshot);
  ha::fold_observation(situation_);
  prove_sync_names();
  if (const auto due = ha::due_callback(situation_.local.memory.callbacks, situation_, member_value().role))
    world_.postgres.call_back(*due);
  co_await apply_config();
}

base::Task<ha::Instance> Agent::look_at_postgres() {
  const auto now = world_.clock.now();
  if (now < situation_.now + kCurrentFor && !world_.postgres.ended().is_set())
    co_return situation_.local.instance;
  co_return co_await world_.postgres.observe(now + kServerAnswerTime);
}

void Agent::fold_snapshot(const base::Result<ports::DcsSnapshot>& snapshot) {
  if (!snapshot) {
    const auto& error = snapshot.error();
    if (etcd_problem_.empty())
      telemetry::warning("etcd: {} ({})", error.message, base::to_string(error.kind));
    etcd_problem_ = error.message;
    situation_.cluster.reset();
    return;
  }
  if (!etcd_problem_.empty()) telemetry::info("etcd answers again");
  etcd_problem_.clear();
  etcd_last_seen_ = world_.clock.wall_time();
  auto contents = patroni::read_contents(keys_, snapshot->revision, snapshot->entries);
  if (contents.problems != contents_.problems)
    for (const auto& problem : contents.problems) telemetry::error("etcd: {}", problem);
  contents_ = std::move(contents);
  situation_.cluster = contents_.view;
}

// Dynamic configuration takes effect here. While nobody knows of any, or etcd is silent, the last known one
// holds.
base::Task<void> Agent::apply_config() {
  if (situation_.cluster && contents_.config) dynamic_ = *contents_.config;
  auto effective = patroni::effective_config(dynamic_, config_.postgresql, config_.scope);
  situation_.settings = effective.settings;
  if (situation_.cluster && ha::needs_hot_standby_feedback(situation_, *situation_.cluster))
    effective.postgresql.parameters["hot_standby_feedback"] = "on";
  if (effective.problems != config_problems_)
    for (const auto& problem : effective.problems) telemetry::warning("configuration: {}", problem);
  config_problems_ = effective.problems;
  if (!may_configure(situation_)) co_return;
  co_await configure_postgres(std::move(effective));
  co_await remember_dynamic_config();
}

base::Task<void> Agent::configure_postgres(patroni::EffectiveConfig effective) {
  if (applied_ == std::optional(effective.postgresql)) co_return;
  const bool again = applied_.has_value() && situation_.local.instance.process == ha::Process::running;
  applied_ = effective.postgresql;
  const auto done = co_await world_.postgres.configure(std::move(effective.postgresql),
                                                       world_.clock.now() + kConfigureTime);
  if (!done)
    telemetry::error("configuring PostgreSQL: {}", done.error().message);
  else if (again)
    world_.postgres.call_back({ha::CallbackAction::on_reload, member_value().role});
}

// A restarted agent that finds etcd silent, or empty, goes on with what it knew.
base::Task<void> Agent::remember_dynamic_config() {
  if (situation_.local.instance.data != ha::DataDirectory::valid) remembered_.reset();
  if (situation_.local.instance.data != ha::DataDirectory::valid || remembered_ == std::optional(dynamic_))
    co_return;
  remembered_ = dynamic_;
  const auto done = co_await world_.postgres.remember_dynamic_config(patroni::config_body(dynamic_));
  if (!done) telemetry::warning("remembering the dynamic configuration: {}", done.error().message);
}

void Agent::fold_finished_job() {
  if (!finished_job_ || !situation_.local.job) return;
  auto& local = situation_.local;
  const auto job = *std::exchange(local.job, std::nullopt);
  const auto result = *std::exchange(finished_job_, std::nullopt);
  const auto now = world_.clock.now();
  progress_.reset();
  remembered_.reset();  // a clone or a rewind may have removed the file
  commands_.job_ended(job, result.has_value());
  if (result) {
    telemetry::info("{} done in {}", to_string(job.kind), base::to_string(now - job.started_at));
    ha::fold_job_success(local.memory, job, now);
  } else {
    telemetry::error("{} failed: {}", to_string(job.kind), result.error().message);
    ha::fold_job_failure(local.memory, job, result.error(), now);
  }
}

}  // namespace holdfast::agent
