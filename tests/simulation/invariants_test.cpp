// Proof that the invariants can fail: policies that are wrong, and each invariant alone.
#include "sim/invariants.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <string_view>

#include "ha/rules.hpp"
#include "sim/mutation.hpp"
#include "sim/run.hpp"
#include "telemetry/log.hpp"

namespace holdfast::sim {
namespace {

// Whether one of the seeds up to `last` breaks `invariant` (empty: any of them). A wrong policy can be slow
// to watch: the first seed that does is enough.
bool breaks(const std::vector<ha::Rule>& table, std::uint64_t last, std::string_view invariant = {}) {
  telemetry::set_log_level(telemetry::Level::off);
  for (std::uint64_t seed = 1; seed <= last; ++seed) {
    const auto violation = run_seed(seed, table).violation;
    if (violation && (invariant.empty() || violation->invariant == invariant)) return true;
  }
  return false;
}

std::optional<ha::Proposal> promote_without_the_key(const ha::Situation& s) {
  const auto& status = s.local.instance.status;
  if (s.local.job || !s.cluster || s.cluster->leader || !status || !status->in_recovery) return std::nullopt;
  return ha::Proposal{ha::Promote{}, "nobody leads, so why not"};
}

TEST(Invariants, CatchAPromotionWithoutTheKey) {
  auto table = rules_without("none");
  table.insert(table.begin(),
               ha::Rule{"wrong.promote", "Promotes without the leader key.", promote_without_the_key});
  EXPECT_TRUE(breaks(table, 40));
}

TEST(Invariants, CatchAnElectionOutsideOfTheSynchronousSet) {
  EXPECT_TRUE(breaks(rules_without("race.not_electable"), 100));
}

TEST(Invariants, CatchALeaderThatNeverPromotes) {
  EXPECT_TRUE(breaks(rules_without("leader.promote"), 10, "liveness"));
}

// Widens as soon as commits are to wait for a standby, before it has confirmed those that did not: what
// plan_sync's barrier prevents.
std::optional<ha::Proposal> widen_at_once(const ha::Situation& s) {
  const auto& status = s.local.instance.status;
  if (s.local.job || !ha::leads_by_own_lease(s) || !status || status->in_recovery || status->standbys.empty())
    return std::nullopt;
  const ha::SyncState known = s.cluster->sync.value_or(ha::SyncState{});
  const auto& name = status->standbys[0].name;
  if (known.standbys.contains(name) || !status->synchronous_standby_names.contains(name)) return std::nullopt;
  return ha::Proposal{
      ha::WriteSyncState{{.leader = s.local.name, .standbys = {name}, .mod_revision = known.mod_revision}},
      "it streams, that will do"};
}

TEST(Invariants, CatchAWideningTooEarly) {
  auto table = rules_without("none");
  const auto leader = std::ranges::find(table, "leader.claim_sync_state", &ha::Rule::id);
  table.insert(leader, ha::Rule{"wrong.widen", "Makes whoever streams electable.", widen_at_once});
  EXPECT_TRUE(breaks(table, 40, "sync order"));
}

struct JudgeTest : testing::Test {
  Physics physics{1};
  Judge judge{physics.story};
  Etcd etcd{physics};
  Site site{physics, judge};
  Scenario scenario;
  Host& a = *site.hosts.emplace_back(std::make_unique<Host>(physics, "a"));
  Host& b = *site.hosts.emplace_back(std::make_unique<Host>(physics, "b"));

  void SetUp() override {
    scenario.synchronous = true;
    judge.preside(std::make_unique<Facts>(
        Facts{scenario, site, etcd, [](const Host&) { return Duration(1h); }, {}, {}, {}}));
    etcd.on_change([this](const auto& event) { judge.etcd_changed(event); });
    for (auto* host : {&a, &b}) {
      host->data.kind = ha::DataDirectory::valid;
      host->data.system_id = "1";
      host->data.wal = Wal(WalRecord{.end = {100}, .timeline = 1, .lineage = 1});
    }
  }
  void put(const std::string& key, std::string value) {
    ASSERT_TRUE(etcd.commit({{}, {ports::Put{"/service/sim/" + key, std::move(value), 0}}}));
  }
  WalRecord write(Host& host, pg::Timeline timeline, CommitId id, std::uint64_t origin) {
    host.data.wal.append(next_record(host.data.wal.last(), timeline, 10, id, origin));
    judge.wrote(host.name, host.data.wal.last());
    return host.data.wal.last();
  }
  std::string verdict() const { return judge.violation() ? judge.violation()->invariant : "fine"; }
};

TEST_F(JudgeTest, SyncOrder) {
  put("sync", R"({"leader":"a","sync_standby":null})");
  judge.acknowledged("a", write(a, 1, 1, 1));
  EXPECT_EQ(verdict(), "fine");
  put("sync", R"({"leader":"a","sync_standby":"b"})");
  EXPECT_EQ(verdict(), "sync order");
}

TEST_F(JudgeTest, NoLostCommit) {
  put("sync", R"({"leader":"a","sync_standby":null})");
  judge.acknowledged("a", write(a, 1, 1, 1));
  put("leader", "b");
  judge.accepts_writes("b");
  EXPECT_EQ(verdict(), "no lost commit");
}

TEST_F(JudgeTest, OneHistory) {
  write(a, 2, 0, 1);
  EXPECT_EQ(verdict(), "fine");
  write(b, 2, 0, 2);
  EXPECT_EQ(verdict(), "one history");
}

TEST_F(JudgeTest, OneHistoryAllowsAFollower) {
  write(a, 2, 0, 1);
  b.data.wal = a.data.wal;
  write(b, 3, 0, 2);
  EXPECT_EQ(verdict(), "fine");
}

TEST_F(JudgeTest, TagsObeyed) {
  scenario.nofailover = 1;
  put("leader", "a");
  EXPECT_EQ(verdict(), "fine");
  put("leader", "b");
  EXPECT_EQ(verdict(), "tags obeyed");
}

}  // namespace
}  // namespace holdfast::sim
