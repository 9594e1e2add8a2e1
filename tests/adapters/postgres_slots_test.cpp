#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/postgres_server.hpp"
#include "patroni/dynamic_config.hpp"
#include "pg/slot_file.hpp"
#include "system/files.hpp"

namespace holdfast::postgres {
namespace {

using namespace std::chrono_literals;
using ports::StopMode;
using testing::Client;
using testing::PostgresNode;
using testing::TemporaryDirectory;

const ha::NewSlot kLogical{.logical = true, .database = "postgres", .plugin = "test_decoding"};

const ha::Slot* find_slot(const ha::Instance& instance, std::string_view name) {
  if (!instance.status) return nullptr;
  const auto found = std::ranges::find(instance.status->slots, name, &ha::Slot::name);
  return found == instance.status->slots.end() ? nullptr : &*found;
}

class PostgresSlots : public ::testing::Test {
 protected:
  PostgresSlots() {
    for (auto* node : {&a, &b}) {
      node->config.bootstrap.dcs = {{"postgresql", {{"parameters", {{"wal_level", "logical"}}}}}};
      node->config.postgresql.local.parameters["hot_standby_feedback"] = "on";
      node->config.postgresql.local.parameters["wal_receiver_status_interval"] = "1s";
    }
  }

  void make_cluster() {
    a.bootstrap();
    a.client().ask("CREATE TABLE t (n int)");
    b.clone(a);
    b.start_standby(a);
    b.observe_until([](const auto& i) { return i.status && i.status->receiver_streaming; });
  }
  void write(int n) { a.client().ask(fmt::format("INSERT INTO t VALUES ({})", n)); }
  pg::Lsn wait_for_replay() {
    const auto written = a.observe().status->position;
    b.observe_until([&](const auto& i) { return i.status && i.status->replayed >= written; });
    return written;
  }
  // Its decoded changes, without the lines that frame transactions.
  static std::string changes(PostgresNode& node) {
    return node.client().ask(
        "SELECT coalesce(string_agg(substring(data from '[0-9]+$'), ' '), '')"
        " FROM pg_logical_slot_get_changes('logical', NULL, NULL) WHERE data LIKE 'table%'");
  }
  void copy_logical_slot() {
    auto files = b.done(b.adapter().fetch_slots(a.upstream(), {"logical"}, b.soon()));
    ASSERT_EQ(files.size(), 1u);
    b.stop(StopMode::fast);
    b.done(b.adapter().place_slots(std::move(files)));
    b.done(b.adapter().start({.standby = true, .upstream = a.upstream()}));
    b.observe_until([](const auto& i) { return i.status && i.status->receiver_streaming; });
  }

  net::Runtime runtime;
  TemporaryDirectory directory{runtime};
  PostgresNode a{runtime, directory, "a"}, b{runtime, directory, "b"};
};

TEST_F(PostgresSlots, APhysicalSlotOfAStandbyMovesAndGoes) {
  make_cluster();
  b.done(b.adapter().create_slot("other", {}, b.soon()));
  b.done(b.adapter().create_slot("other", {}, b.soon()));  // is there already
  const auto before = find_slot(b.observe(), "other")->restart_lsn;
  ASSERT_TRUE(before);
  a.client().ask("SELECT pg_switch_wal()");
  write(1);
  const auto written = wait_for_replay();
  b.done(b.adapter().move_slot("other", {.to = written}, b.soon()));
  const auto seen = b.observe();
  const auto* slot = find_slot(seen, "other");
  EXPECT_LT(*before, written);
  EXPECT_EQ(slot->restart_lsn, written);
  EXPECT_FALSE(slot->has_xmin || slot->active || slot->lost || slot->logical);
  // Not further than the standby itself.
  b.done(b.adapter().move_slot("other", {.to = {written.value + (1 << 30)}}, b.soon()));
  EXPECT_LE(*find_slot(b.observe(), "other")->restart_lsn, b.observe().status->replayed);
  b.done(b.adapter().drop_slot("other", b.soon()));
  b.done(b.adapter().drop_slot("other", b.soon()));  // is gone already
  EXPECT_EQ(find_slot(b.observe(), "other"), nullptr);
}

TEST_F(PostgresSlots, WithoutSlotsAStandbyStreamsAllTheSame) {
  make_cluster();
  auto settings = patroni::effective_config(b.config.bootstrap.dcs, b.config.postgresql, "demo").postgresql;
  settings.use_slots = false;
  b.done(b.adapter().configure(settings, b.soon()));
  a.observe_until([](const auto& i) { return !find_slot(i, "b")->active && i.status->standbys.size() == 1; });
  settings.use_slots = true;
  b.done(b.adapter().configure(settings, b.soon()));
  a.observe_until([](const auto& i) { return find_slot(i, "b")->active; });
}

TEST_F(PostgresSlots, ASlotInUseIsNotDroppedAndShowsItsStandbysFeedback) {
  make_cluster();
  const auto seen = a.observe_until([](const auto& i) {
    const auto* slot = find_slot(i, "b");
    return slot && slot->active && slot->has_xmin;
  });
  EXPECT_TRUE(seen.status->logical_decoding);
  const auto dropped = runtime.run_task(a.adapter().drop_slot("b", a.soon()));
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().kind, base::ErrorKind::refused);
  EXPECT_TRUE(dropped.error().message.contains("is active")) << dropped.error().message;
  EXPECT_NE(find_slot(a.observe(), "b"), nullptr);
}

TEST_F(PostgresSlots, ALogicalSlotIsCopiedMovedAndUsedAfterAPromotion) {
  make_cluster();
  a.done(a.adapter().create_slot("logical", kLogical, a.soon()));
  a.done(a.adapter().create_slot("logical", kLogical, a.soon()));
  write(1);
  wait_for_replay();
  copy_logical_slot();
  auto seen = b.observe();
  const auto* copied = find_slot(seen, "logical");
  ASSERT_NE(copied, nullptr);
  EXPECT_TRUE(copied->logical);
  EXPECT_EQ(copied->database, "postgres");
  EXPECT_EQ(copied->plugin, "test_decoding");
  EXPECT_EQ(copied->confirmed, find_slot(a.observe(), "logical")->confirmed);

  write(2);
  EXPECT_EQ(changes(a), "1 2");
  const auto confirmed = *find_slot(a.observe(), "logical")->confirmed;
  wait_for_replay();
  EXPECT_LT(find_slot(b.observe(), "logical")->confirmed, confirmed);
  b.done(b.adapter().move_slot("logical", {.database = "postgres", .to = confirmed}, b.soon()));
  EXPECT_EQ(find_slot(b.observe(), "logical")->confirmed, confirmed);

  write(3);
  wait_for_replay();
  a.stop();
  b.done(b.adapter().promote());
  b.client().ask("INSERT INTO t VALUES (4)");
  EXPECT_EQ(changes(b), "3 4") << "nothing is lost, and nothing comes twice that the slot was moved over";
}

TEST_F(PostgresSlots, TheRewindUserMayReadSlotFilesAndTheRestIsRefused) {
  make_cluster();
  a.done(a.adapter().create_slot("logical", kLogical, a.soon()));
  const auto none = b.done(b.adapter().fetch_slots(a.upstream(), {"absent", "b"}, b.soon()));
  EXPECT_TRUE(none.empty()) << "physical slots are made anew, not copied";
  auto files = b.done(b.adapter().fetch_slots(a.upstream(), {"logical"}, b.soon()));
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(pg::check_slot_file("logical", files[0].state));
  EXPECT_FALSE(pg::check_slot_file("other", files[0].state));
  auto broken = files[0].state;
  broken[40] ^= 1;
  EXPECT_FALSE(pg::check_slot_file("logical", broken)) << "PostgreSQL would panic";
  EXPECT_FALSE(pg::check_slot_file("logical", files[0].state.substr(0, 100)));

  const auto running = runtime.run_task(b.adapter().place_slots(files));
  ASSERT_FALSE(running);
  EXPECT_EQ(running.error().kind, base::ErrorKind::conflict);
}

TEST_F(PostgresSlots, NoSlotIsCopiedThatWouldKeepTheServerFromStarting) {
  b.config.bootstrap.dcs = {{"postgresql", {{"parameters", {{"wal_level", "replica"}}}}}};
  make_cluster();
  a.done(a.adapter().create_slot("logical", kLogical, a.soon()));
  auto fetched = runtime.run_task(b.adapter().fetch_slots(a.upstream(), {"logical"}, b.soon()));
  ASSERT_FALSE(fetched);
  EXPECT_TRUE(fetched.error().message.contains("wal_level")) << fetched.error().message;

  auto& parameters = b.config.bootstrap.dcs["postgresql"].as_object()["parameters"].as_object();
  parameters = {{"wal_level", "logical"}, {"max_replication_slots", 4}};
  b.restart_agent();
  for (const auto* name : {"p", "q", "r", "s"}) b.done(b.adapter().create_slot(name, {}, b.soon()));
  fetched = runtime.run_task(b.adapter().fetch_slots(a.upstream(), {"logical"}, b.soon()));
  ASSERT_FALSE(fetched);
  EXPECT_TRUE(fetched.error().message.contains("max_replication_slots")) << fetched.error().message;
}

TEST_F(PostgresSlots, ASlotWhoseWalIsGoneIsSeenAsLost) {
  a.config.postgresql.local.parameters["max_slot_wal_keep_size"] = "1MB";
  a.config.postgresql.local.parameters["max_wal_size"] = "32MB";
  a.config.postgresql.local.parameters["min_wal_size"] = "32MB";
  a.config.bootstrap.dcs["postgresql"].as_object()["parameters"].as_object()["wal_keep_size"] = "0";
  a.bootstrap();
  a.done(a.adapter().create_slot("logical", kLogical, a.soon()));
  auto client = a.client();
  for (int i = 0; i < 4; ++i) client.ask("SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()");
  client.ask("CHECKPOINT");
  const auto seen = a.observe();
  ASSERT_NE(find_slot(seen, "logical"), nullptr);
  EXPECT_TRUE(find_slot(seen, "logical")->lost);
  const auto moved = runtime.run_task(
      a.adapter().move_slot("logical", {.database = "postgres", .to = seen.status->position}, a.soon()));
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().kind, base::ErrorKind::invalid) << moved.error().message;
}

}  // namespace
}  // namespace holdfast::postgres
