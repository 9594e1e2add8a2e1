#include "stage.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ha/failsafe.hpp"
#include "ha/memory.hpp"
#include "ha/rules.hpp"
#include "ha/slots.hpp"
#include "ha/watchdog.hpp"
#include "pg/synchronous_standby_names.hpp"

namespace holdfast::policy_tests {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kOurSystem = "7001";
constexpr ha::LeaseId kFirstLease = 11;
constexpr ha::LeaseId kOldLease = 10;

std::string conn_url(std::string_view name) { return fmt::format("postgres://{}:5432/postgres", name); }

std::string api_url(std::string_view name) { return fmt::format("http://{}:8008/patroni", name); }

ha::Upstream upstream(std::string name) {
  auto url = conn_url(name);
  return {.name = std::move(name), .conn_url = std::move(url)};
}

ha::Member new_member(std::string name) {
  ha::Member member{.name = name,
                    .conn_url = conn_url(name),
                    .api_url = api_url(name),
                    .state = ha::MemberState::running,
                    .role = ha::MemberRole::replica,
                    .replication_state = "streaming",
                    .holdfast = "1"};
  return member;
}

// Words that tags and members have in common.
bool describe_tags(ha::Tags& tags, Words& words) {
  if (words.take("nofailover"))
    tags.nofailover = true;
  else if (words.take("nostream"))
    tags.nostream = true;
  else if (words.take("replicatefrom"))
    tags.replicatefrom = words.next("a member's name");
  else if (words.take("clonefrom"))
    tags.clonefrom = true;
  else if (words.take("nosync"))
    tags.nosync = true;
  else if (words.take("sync priority"))
    tags.sync_priority = words.number();
  else if (words.take("priority"))
    tags.failover_priority = words.number();
  else
    return false;
  return true;
}

bool flag(Words& words) {
  if (words.take("on")) return true;
  if (words.take("off")) return false;
  throw Misspelt(fmt::format("'{}' is neither on nor off", words.next("on or off")));
}

// What the job of an action is, as in Agent::start_job; nothing for actions that are no jobs.
std::optional<ha::RunningJob> job_of(const ha::Action& action) {
  using ha::JobKind;
  const auto kind_only = [](JobKind kind) { return ha::RunningJob{.kind = kind}; };
  if (std::holds_alternative<ha::Bootstrap>(action)) return kind_only(JobKind::bootstrap);
  if (std::holds_alternative<ha::Promote>(action)) return kind_only(JobKind::promote);
  if (const auto* clone = std::get_if<ha::Clone>(&action))
    return ha::RunningJob{
        .kind = JobKind::clone, .source = clone->source.name, .from_replica = clone->from_replica};
  if (const auto* rewind = std::get_if<ha::Rewind>(&action))
    return ha::RunningJob{.kind = JobKind::rewind, .source = rewind->source.name};
  if (const auto* stop = std::get_if<ha::StopPostgres>(&action))
    return ha::RunningJob{.kind = JobKind::stop, .immediate = stop->immediate};
  if (const auto* restart = std::get_if<ha::RestartPostgres>(&action))
    return ha::RunningJob{.kind = JobKind::restart, .start_timeout = restart->timeout};
  if (const auto* start = std::get_if<ha::StartPostgres>(&action))
    return ha::RunningJob{.kind = JobKind::start, .source = start->upstream ? start->upstream->name : ""};
  return std::nullopt;
}

}  // namespace

Stage::Stage() {
  s_.now = base::Instant(1h);
  s_.wall_time = std::chrono::sys_days{std::chrono::year(2026) / 1 / 1} + 12h;
  s_.cluster =
      ha::ClusterView{.initialize = std::string(kOurSystem), .has_config = true, .config_readable = true};
  auto& local = s_.local;
  local.name = "a";
  local.conn_url = conn_url("a");
  local.api_url = api_url("a");
  local.lease = ha::Lease{
      .id = kFirstLease, .renewed_at = s_.now, .ttl = s_.settings.ttl, .asked_ttl = s_.settings.ttl};
  local.memory.agent_started_at = s_.now;
  local.memory.entry_published = true;  // most stories begin long after that
  local.instance.data = ha::DataDirectory::valid;
  local.instance.control = ha::ControlData{.system_id = std::string(kOurSystem)};
}

// As the agent does it beside its loop, where it takes a little longer than this.
void Stage::prove_sync_names() {
  auto& barrier = s_.local.memory.sync_barrier;
  if (!barrier || !names_seen_ || names_seen_->first != barrier->names) {
    names_seen_.reset();
    if (barrier) names_seen_.emplace(barrier->names, s_.now);
  } else if (!barrier->position && s_.now >= names_seen_->second + 100ms) {
    barrier->position = s_.local.instance.status->position;
  }
}

ha::Decision Stage::tick() {
  ha::fold_observation(s_);
  prove_sync_names();
  auto decision = ha::decide(slots_told_ ? s_ : with_usual_slots());
  if (auto job = job_of(decision.action)) {
    job->started_at = s_.now;
    if (s_.cluster && s_.cluster->leader) {
      job->leader = s_.cluster->leader->name;
      job->epoch = s_.cluster->leader->epoch;
    }
    if (s_.local.job) ha::fold_job_cancelled(s_.local.memory, *s_.local.job);
    note_begun(*job);
    s_.local.job = std::move(job);
  }
  if (std::holds_alternative<ha::CancelJob>(decision.action) && s_.local.job) {
    ha::fold_job_cancelled(s_.local.memory, *s_.local.job);
    s_.local.job.reset();
  }
  note_dropped(decision.action);
  if (std::holds_alternative<ha::MakeCheckpoint>(decision.action)) s_.local.memory.checkpoint_runs = true;
  if (std::holds_alternative<ha::PlaceSlots>(decision.action)) s_.local.memory.slots.fetched.reset();
  if (std::holds_alternative<ha::ReleaseLeaderKey>(decision.action)) ha::lose_right(s_.local);
  if (std::holds_alternative<ha::DisarmWatchdog>(decision.action)) s_.local.watchdog.armed = false;
  if (const auto* write = std::get_if<ha::WriteFailsafe>(&decision.action))
    s_.local.memory.failsafe.attempt = {write->mod_revision, write->members};
  // The agent's tick ends with a Wait, and in the next one the peers are asked again.
  if (std::holds_alternative<ha::Wait>(decision.action)) {
    s_.peers.reset();
    s_.failsafe_asked = false;
  }
  return decision;
}

// Most stories are not about slots: in them, a standby has all that it should have.
ha::Situation Stage::with_usual_slots() const {
  auto s = s_;
  auto& status = s.local.instance.status;
  if (!s.cluster || !status || !status->in_recovery) return s;
  for (const auto& [name, wanted] : ha::wanted_slots(s, *s.cluster, false))
    status->slots.push_back({.name = name, .restart_lsn = pg::Lsn{1}});
  return s;
}

// The cluster, as etcd has it
// ------------------------------------------------------------------------------------

ha::ClusterView& Stage::cluster() { return s_.cluster ? *s_.cluster : last_seen_; }

void Stage::etcd(Words& words) {
  if (words.take("silent")) {
    if (s_.cluster) last_seen_ = *s_.cluster;
    s_.cluster.reset();
  } else if (words.take("answers")) {
    if (!s_.cluster) s_.cluster = last_seen_;
  } else if (words.take("empty")) {
    s_.cluster = ha::ClusterView{};
  } else {
    throw Misspelt("etcd is silent, empty, or answers");
  }
}

void Stage::describe_member(ha::Member& member, Words& words) {
  using ha::MemberState;
  while (!words.done()) {
    if (words.take("primary")) {
      member.role = ha::MemberRole::primary;
      member.replication_state.clear();
    } else if (words.take("replica")) {
      member.role = ha::MemberRole::replica;
      member.replication_state = "streaming";
    } else if (words.take("running")) {
      member.state = MemberState::running;
    } else if (words.take("starting")) {
      member.state = MemberState::starting;
    } else if (words.take("stopped")) {
      member.state = MemberState::stopped;
    } else if (words.take("being cloned")) {
      member.state = MemberState::creating_replica;
    } else if (words.take("not streaming")) {
      member.replication_state.clear();
    } else if (words.take("at")) {
      member.xlog_location = words.lsn();
    } else if (words.take("under Patroni")) {
      member.holdfast.clear();
    } else if (words.take("without address")) {
      member.conn_url.clear();
    } else if (!describe_tags(member.tags, words)) {
      words.end();
    }
  }
}

void Stage::members(Words& words) {
  auto& members = cluster().members;
  members.clear();
  for (auto item : words.items()) {
    auto member = new_member(item.next("a member's name"));
    describe_member(member, item);
    members.push_back(std::move(member));
  }
}

void Stage::member(Words& words) {
  const auto name = words.next("a member's name");
  auto& members = cluster().members;
  auto found = std::ranges::find(members, name, &ha::Member::name);
  if (words.take("gone")) {
    if (found != members.end()) members.erase(found);
    return;
  }
  if (found == members.end()) {
    members.push_back(new_member(name));
    std::ranges::sort(members, {}, &ha::Member::name);
    found = std::ranges::find(members, name, &ha::Member::name);
  }
  describe_member(*found, words);
}

void Stage::leader(Words& words) {
  auto& leader = cluster().leader;
  if (words.take("none")) {
    leader.reset();
    return;
  }
  const auto name = words.next("a member's name, or none");
  if (!leader || leader->name != name) leader = ha::LeaderKey{.name = name, .epoch = next_revision()};
  leader->mod_revision = next_revision();
  const auto& own = s_.local.lease;
  leader->lease = words.take("on an old lease") ? kOldLease : name == s_.local.name && own ? own->id : 99;
}

void Stage::initialize(Words& words) {
  auto& view = cluster();
  if (words.take("none")) {
    view.initialize.reset();
    view.initialize_revision = 0;
    return;
  }
  view.initialize_revision = next_revision();
  if (words.take("taken by us")) {
    view.initialize = "";
    s_.local.memory.initialize_key = view.initialize_revision;
  } else if (words.take("taken")) {
    view.initialize = "";
  } else {
    view.initialize = words.next("none, taken, taken by us, or a system identifier");
  }
}

void Stage::sync(Words& words) {
  auto& sync = cluster().sync;
  if (words.take("none")) {
    sync.reset();
    return;
  }
  sync = ha::SyncState{.mod_revision = next_revision()};
  if (words.take("of nobody")) return;
  if (words.take("unreadable")) {
    sync->readable = false;
    return;
  }
  sync->leader = words.next("a member's name, of nobody, unreadable, or none");
  if (words.take("quorum")) sync->quorum = words.number();
  if (words.take("with"))
    for (auto& item : words.items()) sync->standbys.insert(item.next("a member's name"));
  else if (!words.take("alone"))
    throw Misspelt(fmt::format("sync {0} with whom? (sync {0} alone, sync {0} with b, c)", sync->leader));
}

void Stage::request(Words& words) {
  auto& view = cluster();
  view.failover.reset();
  view.failover_revision = 0;
  if (words.take("none")) return;
  ha::FailoverRequest request{.mod_revision = next_revision()};
  const bool switchover = words.take("switchover");
  if (!switchover && !words.take("failover")) throw Misspelt("a request is a switchover or a failover");
  if (switchover) {
    if (!words.take("from")) throw Misspelt("a switchover is from somebody");
    request.leader = words.next("the leader's name");
  }
  if (words.take("to")) request.candidate = words.next("the candidate's name");
  if (words.take("at"))
    request.scheduled_at = s_.wall_time + std::chrono::floor<std::chrono::microseconds>(words.duration());
  view.failover_revision = request.mod_revision;
  view.failover = std::move(request);
}

void Stage::optime(Words& words) { cluster().status.optime = words.lsn(); }

void Stage::config(Words& words) {
  const bool readable = words.take("readable");
  if (!readable && !words.take("unreadable"))
    throw Misspelt("the configuration in etcd is readable or unreadable");
  cluster().config_readable = readable;
}

void Stage::positions(Words& words) {
  auto& slots = cluster().status.slots;
  slots.clear();
  for (auto& item : words.items()) {
    const auto name = item.next("a slot's name");
    slots[name] = item.lsn();
    item.end();
  }
}

void Stage::retained(Words& words) {
  auto& names = cluster().status.retain_slots;
  names.clear();
  if (words.take("none")) return;
  for (auto& item : words.items()) names.push_back(item.next("a slot's name"));
}

void Stage::history(Words& words) {
  auto& history = cluster().history;
  history.clear();
  for (auto& item : words.items()) history.push_back(static_cast<pg::Timeline>(item.number()));
}

void Stage::failsafe(Words& words) {
  auto& view = cluster();
  view.failsafe.clear();
  view.failsafe_revision = 0;
  if (words.take("none")) return;
  view.failsafe_revision = next_revision();
  for (auto& item : words.items()) {
    const auto name = item.next("a member's name, or none");
    view.failsafe[name] = api_url(name);
  }
}

void Stage::set(Words& words) {
  auto& to = s_.settings;
  const auto key = words.next("a setting");
  if (key == "ttl") {
    to.ttl = words.duration();
    if (s_.local.lease && !words.take("but not our lease's"))
      s_.local.lease->ttl = s_.local.lease->asked_ttl = to.ttl;
  } else if (key == "loop_wait") {
    to.loop_wait = words.duration();
  } else if (key == "retry_timeout") {
    to.retry_timeout = words.duration();
  } else if (key == "member_slots_ttl") {
    to.member_slots_ttl = words.duration();
  } else if (key == "maximum_lag_on_failover") {
    to.maximum_lag_on_failover = static_cast<std::uint64_t>(words.number());
  } else if (key == "maximum_lag_on_syncnode") {
    to.maximum_lag_on_syncnode = static_cast<std::uint64_t>(words.number());
  } else if (key == "synchronous_mode") {
    to.synchronous_mode = words.take("quorum") ? ha::SynchronousMode::quorum
                          : flag(words)        ? ha::SynchronousMode::on
                                               : ha::SynchronousMode::off;
  } else if (key == "synchronous_commit") {
    to.synchronous_commit = words.take("remote_apply")   ? ha::SynchronousCommit::remote_apply
                            : words.take("remote_write") ? ha::SynchronousCommit::remote_write
                                                         : ha::SynchronousCommit::flush;
  } else if (key == "primary_race_backoff") {
    to.primary_race_backoff = words.duration();
  } else if (key == "standby_cluster") {
    to.standby_cluster.reset();
    if (words.take("archive"))
      to.standby_cluster.emplace();
    else if (!words.take("off"))
      to.standby_cluster = ha::StandbyCluster{.host = words.next("a host, archive, or off")};
  } else if (key == "synchronous_mode_strict") {
    to.synchronous_mode_strict = flag(words);
  } else if (key == "synchronous_node_count") {
    to.synchronous_node_count = words.number();
  } else if (key == "failsafe_mode") {
    to.failsafe_mode = flag(words);
  } else if (key == "use_pg_rewind") {
    to.use_pg_rewind = flag(words);
  } else if (key == "remove_data_directory_on_rewind_failure") {
    to.remove_data_directory_on_rewind_failure = flag(words);
  } else if (key == "remove_data_directory_on_diverged_timelines") {
    to.remove_data_directory_on_diverged_timelines = flag(words);
  } else if (key == "can_restore_without_leader") {
    to.can_restore_without_leader = flag(words);
  } else if (key == "primary_start_timeout") {
    to.primary_start_timeout = words.duration();
  } else if (key == "primary_stop_timeout") {
    to.primary_stop_timeout = words.duration();
  } else if (key == "use_slots") {
    to.use_slots = flag(words);
  } else if (key == "slots") {
    set_slots(words);
  } else if (key == "ignore_slots") {
    set_ignored_slots(words);
  } else if (key == "pause") {
    to.pause = flag(words);
  } else {
    throw Misspelt(fmt::format("'{}' is no setting that the policy depends on", key));
  }
}

void Stage::set_slots(Words& words) {
  auto& slots = s_.settings.permanent_slots;
  slots.clear();
  if (words.take("none")) return;
  for (auto& item : words.items()) {
    auto& slot = slots[item.next("a slot's name")];
    slot.logical = item.take("logical in");
    if (slot.logical) {
      slot.database = item.next("a database");
      slot.plugin = item.next("a plugin");
    }
    using Type = ha::PermanentSlot::ClusterType;
    if (item.take("of standby clusters")) slot.cluster_type = Type::standby;
    if (item.take("of primary clusters")) slot.cluster_type = Type::primary;
    item.end();
  }
}

void Stage::set_ignored_slots(Words& words) {
  auto& matchers = s_.settings.ignore_slots;
  matchers.clear();
  for (auto& item : words.items()) {
    auto& matcher = matchers.emplace_back();
    while (!item.done()) {
      const auto property = item.next("a property");
      auto& value = property == "name"       ? matcher.name
                    : property == "database" ? matcher.database
                    : property == "plugin"   ? matcher.plugin
                    : property == "type"
                        ? matcher.type
                        : throw Misspelt("a slot is ignored by name, database, plugin or type");
      value = item.next("its value");
    }
  }
}

// This node
// ------------------------------------------------------------------------------------------------------

void Stage::me(Words& words) {
  s_.local.name = words.next("this node's name");
  s_.local.conn_url = conn_url(s_.local.name);
  s_.local.api_url = words.take("at") ? fmt::format("http://{}:8008/patroni", words.next("this node's host"))
                                      : api_url(s_.local.name);
}

void Stage::tags(Words& words) {
  s_.local.tags = {};
  while (!words.done())
    if (!describe_tags(s_.local.tags, words)) words.end();
}

ha::ServerStatus& Stage::server() {
  auto& instance = s_.local.instance;
  if (!instance.status) throw Misspelt("say first that PostgreSQL runs: postgres primary 0/3000060");
  return *instance.status;
}

void Stage::postgres(Words& words) {
  using ha::Process;
  auto& instance = s_.local.instance;
  const bool primary = words.take("primary");
  if (primary || words.take("standby")) {
    instance.process = Process::running;
    instance.standby_signal = !primary;
    instance.wal_complete.reset();
    auto& status = instance.status ? *instance.status : instance.status.emplace();
    status.in_recovery = !primary;
    if (primary) instance.upstream.reset();
    if (words.at_lsn()) status.position = status.received = status.replayed = words.lsn();
    if (status.timeline == 0) status.timeline = 1;
    status.logical_decoding = !words.take("without logical decoding");
    if (words.take("timeline")) status.timeline = static_cast<pg::Timeline>(words.number());
    status.checkpoint_timeline = status.timeline;
    if (words.take("last checkpoint on"))
      status.checkpoint_timeline = static_cast<pg::Timeline>(words.number());
    if (words.take("of nobody"))
      instance.upstream.reset();
    else if (words.take("of the other cluster"))
      instance.upstream = ha::remote_upstream(s_.settings);
    else if (words.take("of"))
      instance.upstream = upstream(words.next("a member's name"));
    status.receiver_streaming = !primary && !words.take("not streaming");
    if (words.take("started now") || !status.started_at) status.started_at = s_.wall_time;
    return;
  }
  instance.status.reset();
  instance.wal_complete.reset();
  slots_told_ = false;
  if (words.take("stopped"))
    instance.process = Process::stopped;
  else if (words.take("starting"))
    instance.process = Process::starting;
  else if (words.take("stopping"))
    instance.process = Process::stopping;
  else if (words.take("silent"))
    instance.process = Process::running;
  else
    throw Misspelt("postgres is primary, standby, stopped, starting, stopping or silent");
  if (words.take("with all written to")) instance.wal_complete = words.lsn();
  if (words.take("as primary")) instance.standby_signal = false;
  if (words.take("as standby")) instance.standby_signal = true;
  if (words.take("of nobody"))
    instance.upstream.reset();
  else if (words.take("of"))
    instance.upstream = upstream(words.next("a member's name"));
}

void Stage::data(Words& words) {
  using ha::DataDirectory;
  auto& instance = s_.local.instance;
  const auto is = [&](DataDirectory data) {
    instance.data = data;
    instance.data_problem = words.quoted() ? words.next("the problem") : "";
  };
  if (words.take("none"))
    is(DataDirectory::absent);
  else if (words.take("valid"))
    is(DataDirectory::valid);
  else if (words.take("incomplete"))
    is(DataDirectory::incomplete);
  else if (words.take("unconfirmed"))
    is(DataDirectory::unconfirmed);
  else if (words.take("half rewound"))
    is(DataDirectory::half_rewound);
  else if (words.take("foreign"))
    is(DataDirectory::foreign);
  else if (words.take("of another major version"))
    is(DataDirectory::other_major);
  else if (words.take("unreadable"))
    is(DataDirectory::unreadable);
  else
    throw Misspelt(
        "data is none, valid, incomplete, unconfirmed, half rewound, foreign, of another major version or "
        "unreadable");
  const auto system = words.take("of cluster") ? words.next("a system identifier") : std::string(kOurSystem);
  const bool has_control = instance.data == DataDirectory::valid ||
                           instance.data == DataDirectory::unconfirmed ||
                           instance.data == DataDirectory::half_rewound;
  instance.control = has_control ? std::optional(ha::ControlData{.system_id = system}) : std::nullopt;
}

void Stage::names(Words& words) {
  auto& names = server().synchronous_standby_names;
  if (words.quoted()) {
    names = words.next("the setting");
  } else if (words.take("none")) {
    names.clear();
  } else {
    pg::SynchronousStandbys setting;
    if (words.take("any")) {
      setting = {.method = pg::SynchronousStandbys::Method::any, .count = words.number()};
      if (!words.take("of")) throw Misspelt("any 1 of whom?");
    }
    for (auto& item : words.items()) setting.names.push_back(item.next("a member's name"));
    if (setting.count == 0) setting.count = static_cast<int>(setting.names.size());
    names = pg::to_string(setting);
  }
}

void Stage::walsenders(Words& words) {
  auto& standbys = server().standbys;
  standbys.clear();
  if (words.take("none")) return;
  for (auto& item : words.items()) {
    ha::StandbyConnection standby{.name = item.next("a member's name"), .streaming = true};
    standby.write = standby.flush = standby.replay = item.lsn();
    standby.synchronous = item.take("sync");
    if (item.take("catching up")) standby.streaming = false;
    item.end();
    standbys.push_back(std::move(standby));
  }
}

void Stage::slots(Words& words) {
  auto& slots = server().slots;
  slots.clear();
  slots_told_ = true;
  if (words.take("none")) return;
  for (auto& item : words.items()) {
    ha::Slot slot{.name = item.next("a slot's name")};
    slot.restart_lsn = item.take("without WAL") ? std::nullopt
                       : item.at_lsn()          ? std::optional(item.lsn())
                                                : std::optional(pg::Lsn{1});
    slot.active = item.take("active");
    slot.logical = item.take("logical in");
    if (slot.logical) {
      slot.database = item.next("a database");
      slot.plugin = item.next("a plugin");
      slot.confirmed = slot.restart_lsn;
    }
    slot.has_xmin = item.take("with xmin");
    slot.lost = item.take("lost");
    item.end();
    slots.push_back(std::move(slot));
  }
}

void Stage::fetched(Words& words) {
  ha::FetchedSlots fetched{
      .epoch = cluster().leader ? cluster().leader->epoch : 0, .at = s_.now, .files = {}};
  for (auto& item : words.items())
    fetched.files.push_back({.name = item.next("a slot's name"), .kind = {}, .state = {}});
  s_.local.memory.slots.fetched = std::move(fetched);
}

void Stage::lease(Words& words) {
  auto& local = s_.local;
  if (words.take("none")) {
    local.lease.reset();
  } else if (words.take("renewed")) {
    if (!local.lease)
      local.lease = ha::Lease{.id = static_cast<ha::LeaseId>(next_revision()),
                              .ttl = s_.settings.ttl,
                              .asked_ttl = s_.settings.ttl};
    local.lease->renewed_at = s_.now;
    local.memory.lease_failed_at.reset();
  } else if (words.take("not renewed")) {
    local.memory.lease_failed_at = s_.now;
  } else {
    throw Misspelt("a lease is none, renewed, or not renewed");
  }
}

void Stage::watchdog(Words& words) {
  auto& watchdog = s_.local.watchdog;
  const auto wanted = ha::wanted_watchdog_timeout(s_);
  const auto mode = [&](ha::Watchdog::Mode chosen) {
    watchdog.mode = chosen;
    watchdog.usable = !words.take("without a device");
  };
  if (words.take("required"))
    mode(ha::Watchdog::Mode::required);
  else if (words.take("automatic"))
    mode(ha::Watchdog::Mode::automatic);
  else if (words.take("armed"))
    ha::fold_watchdog_armed(s_.local, wanted, wanted, s_.now);
  else if (words.take("fed"))
    watchdog.fed_at = s_.now;
  else if (words.take("failed"))
    ha::fold_watchdog_failure(s_.local, wanted, words.next("what the device said"), s_.now);
  else
    throw Misspelt(
        "a watchdog is required, automatic (both perhaps without a device), armed, fed, or failed");
}

void Stage::job(Words& words) {
  auto& local = s_.local;
  if (!local.job) throw Misspelt("no job is under way");
  const auto job = *local.job;
  if (words.take("done")) {
    local.job.reset();
    if (job.kind == ha::JobKind::clone) local.requests.reinitialize.reset();
    ha::fold_job_success(local.memory, job, s_.now);
  } else if (words.take("failed")) {
    const auto kind = words.take("refused") ? base::ErrorKind::refused : base::ErrorKind::failed;
    local.job.reset();
    ha::fold_job_failure(local.memory, job, {kind, words.next("what the job said")}, s_.now);
  } else {
    throw Misspelt("a job is done, or failed \"why\", or failed refused \"why\"");
  }
}

void Stage::namesake(Words& words) {
  if (words.take("possible"))
    s_.local.memory.entry_published = false;
  else if (words.take("answers"))
    s_.local.memory.name_taken = true;
  else if (words.take("does not answer"))
    s_.local.memory.name_taken = false;
  else
    throw Misspelt("a namesake answers, does not answer, or is possible");
}

void Stage::checkpoint(Words& words) {
  auto& memory = s_.local.memory;
  memory.checkpoint_runs = false;
  if (words.take("failed"))
    memory.checkpoint_failed_at = s_.now;
  else if (words.take("done"))
    server().checkpoint_timeline = server().timeline;
  else
    throw Misspelt("a checkpoint is done or failed");
}

void Stage::compared(Words& words) {
  ha::Comparison comparison{.made_at = s_.now};
  if (words.take("same"))
    comparison.verdict = ha::Divergence::none;
  else if (words.take("diverged"))
    comparison.verdict = ha::Divergence::diverged;
  else if (!words.take("unknown"))
    throw Misspelt("compared: same, diverged or unknown, and why");
  comparison.reason = words.next("what was found");
  if (const auto& leader = cluster().leader) {
    comparison.leader = leader->name;
    comparison.epoch = leader->epoch;
  }
  s_.local.memory.comparison = std::move(comparison);
}

void Stage::asked_to_stop(Words&) { s_.local.stop_requested = true; }

void Stage::agent(Words& words) {
  if (!words.take("restarted")) throw Misspelt("an agent can be restarted, no more");
  auto& local = s_.local;
  local.memory = ha::Memory{.agent_started_at = s_.now};
  local.memory.entry_published = true;
  local.lease.reset();
  local.right_until.reset();
  local.job.reset();
  local.stop_requested = false;
  local.requests = {};
  s_.peers.reset();
}

// The rest of the world
// ------------------------------------------------------------------------------------------

void Stage::peers(Words& words) {
  s_.peers.emplace();
  if (words.take("none")) return;
  for (auto& item : words.items()) {
    auto& report = (*s_.peers)[item.next("a member's name")];
    if (item.take("gone")) continue;
    report = ha::PeerStatus{.running = !item.take("stopped"), .timeline = 1};
    report->in_recovery = !item.take("primary");
    if (item.at_lsn()) report->position = item.lsn();
    if (item.take("timeline")) report->timeline = static_cast<pg::Timeline>(item.number());
    report->dcs_reachable = !item.take("without etcd");
    const auto& sync = cluster().sync;
    const bool promises = !item.take("still confirming") && report->in_recovery && sync;
    if (promises) report->confirms_nothing_since = sync->mod_revision;
    item.end();
  }
  ha::fold_peer_reports(s_, s_.now);
}

// To the question whether this node may go on without etcd.
void Stage::members_answer(Words& words) {
  std::vector<ha::FailsafeAnswer> answers;
  if (!words.take("yes"))
    for (auto& item : words.items()) {
      auto name = item.next("a member's name, or yes");
      ha::FailsafeAnswer answer{.name = std::move(name)};
      if (item.at_lsn())
        answer.position = item.lsn();
      else
        answer.refusal = item.next("a position, or why not");
      answers.push_back(std::move(answer));
    }
  ha::fold_failsafe_answers(s_, answers, s_.now, s_.now);
}

void Stage::promised(Words& words) {
  auto name = words.next("who leads in failsafe mode");
  ha::FailsafeRequest request{.leader = {.name = name, .conn_url = conn_url(name), .api_url = api_url(name)}};
  if (words.take("with"))
    for (auto& item : words.items()) {
      const auto slot = item.next("a slot's name");
      request.slots[slot] = item.lsn();
    }
  ha::fold_failsafe_request(s_, std::move(request), s_.now);
}

void Stage::time(Words& words) {
  const auto passed = words.duration();
  s_.failsafe_asked = false;
  s_.now += passed;
  s_.wall_time += std::chrono::floor<std::chrono::microseconds>(passed);
}

// The vocabulary
// -------------------------------------------------------------------------------------------------

struct Directive {
  std::string_view word;
  void (Stage::*apply)(Words&);

  static const Directive kAll[];
};

const Directive Directive::kAll[] = {
    {"etcd", &Stage::etcd},
    {"members", &Stage::members},
    {"member", &Stage::member},
    {"leader", &Stage::leader},
    {"initialize", &Stage::initialize},
    {"sync", &Stage::sync},
    {"request", &Stage::request},
    {"optime", &Stage::optime},
    {"history", &Stage::history},
    {"failsafe", &Stage::failsafe},
    {"set", &Stage::set},
    {"me", &Stage::me},
    {"tags", &Stage::tags},
    {"postgres", &Stage::postgres},
    {"data", &Stage::data},
    {"names", &Stage::names},
    {"walsenders", &Stage::walsenders},
    {"slots", &Stage::slots},
    {"config", &Stage::config},
    {"positions", &Stage::positions},
    {"retained", &Stage::retained},
    {"fetched", &Stage::fetched},
    {"lease", &Stage::lease},
    {"watchdog", &Stage::watchdog},
    {"job", &Stage::job},
    {"checkpoint", &Stage::checkpoint},
    {"compared", &Stage::compared},
    {"namesake", &Stage::namesake},
    {"sigterm", &Stage::asked_to_stop},
    {"ask", &Stage::ask},
    {"pending", &Stage::pending},
    {"agent", &Stage::agent},
    {"peers", &Stage::peers},
    {"answer", &Stage::members_answer},
    {"promised", &Stage::promised},
    {"time", &Stage::time},
};

void Stage::apply(std::string_view text) {
  Words words(text);
  const auto word = words.next("a directive");
  const auto* known = std::ranges::find(Directive::kAll, word, &Directive::word);
  if (known == std::end(Directive::kAll)) {
    std::vector<std::string_view> all;
    for (const auto& directive : Directive::kAll) all.push_back(directive.word);
    throw Misspelt(fmt::format("'{}' is no directive; there are {}", word, fmt::join(all, ", ")));
  }
  try {
    (this->*known->apply)(words);
    words.end();
  } catch (const Misspelt& problem) {
    throw Misspelt(fmt::format("in '{}': {}", text, problem.what()));
  }
}

}  // namespace holdfast::policy_tests
