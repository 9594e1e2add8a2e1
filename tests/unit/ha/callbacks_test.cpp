#include "ha/callbacks.hpp"

#include <gtest/gtest.h>

#include "ha/situation.hpp"

namespace holdfast::ha {
namespace {

// One node, looked at again and again.
struct Node {
  Situation s;
  CallbackMemory memory;

  std::optional<Callback> look(MemberRole role) { return due_callback(memory, s, role); }
  void runs(bool in_recovery) {
    s.local.instance.data = DataDirectory::valid;
    s.local.instance.process = Process::running;
    s.local.instance.status = ServerStatus{.in_recovery = in_recovery};
    s.local.job.reset();
  }
  void stopped() {
    s.local.instance.data = DataDirectory::valid;
    s.local.instance.process = Process::stopped;
    s.local.instance.status.reset();
  }
  void stopping() { s.local.job = RunningJob{.kind = JobKind::stop}; }
};

using enum CallbackAction;
using enum MemberRole;

TEST(Callbacks, AServerThatRanBeforeTheAgentIsNotSaidToHaveStarted) {
  Node node;
  node.runs(true);
  EXPECT_FALSE(node.look(replica));
  EXPECT_FALSE(node.look(replica));
  node.stopping();
  EXPECT_FALSE(node.look(replica));
  node.stopped();
  node.s.local.job.reset();
  EXPECT_EQ(node.look(replica), (Callback{on_stop, replica}));
  EXPECT_FALSE(node.look(replica));
}

TEST(Callbacks, AStartIsToldOnceAndOnlyWhenTheServerAnswers) {
  Node node;
  node.stopped();
  EXPECT_FALSE(node.look(replica));
  node.s.local.instance.process = Process::starting;
  EXPECT_FALSE(node.look(replica));
  node.runs(true);
  EXPECT_EQ(node.look(replica), (Callback{on_start, replica}));
  node.s.local.instance.status.reset();  // it does not answer for a while
  EXPECT_FALSE(node.look(replica));
  node.runs(true);
  EXPECT_FALSE(node.look(replica));
}

TEST(Callbacks, ABootstrappedClusterStartsWhenItIsConfirmed) {
  Node node;
  node.s.local.instance.data = DataDirectory::absent;
  EXPECT_FALSE(node.look(uninitialized));
  node.runs(false);
  node.s.local.instance.data = DataDirectory::unconfirmed;
  EXPECT_FALSE(node.look(uninitialized));
  node.runs(false);
  EXPECT_EQ(node.look(primary), (Callback{on_start, primary}));
}

TEST(Callbacks, APromotionIsARoleChange) {
  Node node;
  node.runs(true);
  EXPECT_FALSE(node.look(replica));
  node.runs(false);
  EXPECT_EQ(node.look(primary), (Callback{on_role_change, primary}));
}

TEST(Callbacks, AFormerPrimaryThatStartsAsStandbyChangesItsRoleAndDoesNotStart) {
  Node node;
  node.runs(false);
  EXPECT_FALSE(node.look(primary));
  node.stopping();
  EXPECT_FALSE(node.look(primary));
  node.stopped();
  node.s.local.job.reset();
  EXPECT_EQ(node.look(demoted), (Callback{on_stop, primary}));
  node.runs(true);
  EXPECT_EQ(node.look(replica), (Callback{on_role_change, replica}));
}

TEST(Callbacks, ACrashIsNoStop) {
  Node node;
  node.runs(false);
  EXPECT_FALSE(node.look(primary));
  node.stopped();
  EXPECT_FALSE(node.look(primary));
  node.runs(false);
  EXPECT_EQ(node.look(primary), (Callback{on_start, primary})) << "it went on as what it was";
}

TEST(Callbacks, APrimaryThatDoesNotStartAndGivesUpIsDemoted) {
  Node node;
  node.runs(false);
  EXPECT_FALSE(node.look(primary));
  node.stopped();
  node.s.local.memory.failure = JobFailure{.kind = JobKind::start};
  EXPECT_FALSE(node.look(primary)) << "it still holds the leader key";
  EXPECT_EQ(node.look(demoted), (Callback{on_role_change, demoted}));
  EXPECT_FALSE(node.look(demoted));
}

TEST(Callbacks, ARestartIsOneAction) {
  Node node;
  node.runs(true);
  EXPECT_FALSE(node.look(replica));
  node.s.local.job = RunningJob{.kind = JobKind::restart};
  EXPECT_FALSE(node.look(replica));
  node.stopped();
  EXPECT_FALSE(node.look(replica));
  node.runs(true);
  EXPECT_EQ(node.look(replica), (Callback{on_restart, replica}));
}

TEST(Callbacks, ARestartBetweenTwoLooksIsNoticed) {
  Node node;
  node.runs(true);
  node.s.local.instance.status->started_at = base::WallTime(std::chrono::seconds(100));
  EXPECT_FALSE(node.look(replica));
  node.s.local.job = RunningJob{.kind = JobKind::restart};
  EXPECT_FALSE(node.look(replica));
  node.runs(true);
  node.s.local.instance.status->started_at = base::WallTime(std::chrono::seconds(101));
  EXPECT_EQ(node.look(replica), (Callback{on_restart, replica}));
  EXPECT_FALSE(node.look(replica));
}

TEST(Callbacks, TheLeaderOfAStandbyClusterStartsAndThenChangesItsRole) {
  Node node;
  node.stopped();
  EXPECT_FALSE(node.look(replica));
  node.runs(true);
  EXPECT_EQ(node.look(standby_leader), (Callback{on_start, replica}));
  EXPECT_FALSE(node.look(standby_leader)) << "the first callback is given time";
  node.s.now += std::chrono::seconds(1);
  EXPECT_EQ(node.look(standby_leader), (Callback{on_role_change, standby_leader}));
  EXPECT_FALSE(node.look(standby_leader));
}

TEST(Callbacks, NewDataIsANewServer) {
  Node node;
  node.runs(false);
  EXPECT_FALSE(node.look(primary));
  node.stopped();
  EXPECT_FALSE(node.look(demoted));
  node.s.local.instance.data = DataDirectory::incomplete;
  EXPECT_FALSE(node.look(uninitialized));
  node.runs(true);
  EXPECT_EQ(node.look(replica), (Callback{on_start, replica}));
}

}  // namespace
}  // namespace holdfast::ha
