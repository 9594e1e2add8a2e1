// Every order in which a primary, its standbys and its agent can act, with one commit somewhere among it:
// whatever is planned, whoever /sync lets be elected has the commit once it is acknowledged.
#include "ha/sync_plan.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <unordered_map>
#include <vector>

namespace holdfast::ha {
namespace {

using namespace std::chrono_literals;

struct Mode {
  SynchronousMode mode = SynchronousMode::quorum;
  int count = 1;
  bool strict = false;
};

constexpr pg::Lsn kBefore{100}, kAfter{200};  // WAL without the commit, and with it

enum class Barrier { unknown, before_the_commit, after_the_commit };

// Standbys are bits; settings are numbers in Explorer::settings_, sets of them bits.
struct World {
  unsigned mode = 0;
  unsigned connected = 0;
  unsigned have_it = 0;
  bool written = false, acknowledged = false;
  unsigned names = 0;
  std::uint64_t still_used = 0;  // settings that some process of PostgreSQL may not have left yet
  Barrier barrier = Barrier::unknown;
  unsigned electable = 0, quorum = 0;

  // What a plan depends on, and all.
  std::uint64_t situation() const {
    std::uint64_t key = mode;
    for (const unsigned part : {connected, have_it, unsigned(written), unsigned(barrier), electable, quorum})
      key = key << 4 | part;
    return key << 6 | names;
  }
  std::uint64_t key() const { return (situation() << 1 | unsigned(acknowledged)) << 24 | still_used; }
};

class Explorer {
 public:
  Explorer(std::vector<Mode> modes, unsigned standbys) : modes_(std::move(modes)), standbys_(standbys) {
    settings_.emplace_back();
  }

  // The first world in which a commit can be lost, and the way there; empty: there is none.
  std::string explore() {
    reached_.push_back({});
    seen_.emplace(World{}.key(), 0);
    for (std::size_t at = 0; at < reached_.size(); ++at) {
      const auto world = reached_[at].world;
      if (can_lose(world)) return story_of(at);
      visit_next(world, at);
    }
    return {};
  }
  std::size_t worlds() const { return reached_.size(); }

  // Without further events but its own steps and those of PostgreSQL, the planner arrives.
  std::string settle_everywhere() {
    const auto all = std::popcount(everybody());
    for (std::size_t at = 0; at < reached_.size(); at += 1 + reached_.size() / 2000) {
      auto now = reached_[at].world;
      now.connected = everybody();
      for (int step = 0; step < 30; ++step) {
        if (now.written) now.have_it = everybody();
        settle(now);
        now = after_step(now);
      }
      const auto& mode = modes_[now.mode];
      const int wanted = mode.mode == SynchronousMode::quorum ? all : std::min(all, mode.count);
      const int quorum = wanted - std::min(wanted, mode.count);
      if (std::popcount(now.electable) != wanted || static_cast<int>(now.quorum) != quorum)
        return describe(now) + "\nfrom " + describe(reached_[at].world);
    }
    return {};
  }

 private:
  struct Reached {
    World world;
    std::size_t from = 0;
    std::string_view what = "begins";
  };

  unsigned everybody() const { return (1U << standbys_) - 1; }
  static MemberName name(unsigned standby) { return std::string(1, static_cast<char>('a' + standby)); }
  Names names(unsigned standbys) const {
    Names found;
    for (unsigned i = 0; i < standbys_; ++i)
      if ((standbys >> i & 1U) != 0) found.insert(name(i));
    return found;
  }
  static unsigned bits(const Names& standbys) {
    unsigned found = 0;
    for (const auto& standby : standbys) found |= 1U << (standby[0] - 'a');
    return found;
  }
  unsigned number_of(const std::string& setting) {
    const auto found = std::ranges::find(settings_, setting);
    if (found == settings_.end()) settings_.push_back(setting);
    EXPECT_LE(settings_.size(), 24U);
    return static_cast<unsigned>(std::ranges::find(settings_, setting) - settings_.begin());
  }

  static void settle(World& w) {
    w.still_used = 0;
    if (w.barrier == Barrier::unknown)
      w.barrier = w.written ? Barrier::after_the_commit : Barrier::before_the_commit;
  }

  static bool can_lose(const World& w) {
    return w.acknowledged && static_cast<unsigned>(std::popcount(w.electable & ~w.have_it)) > w.quorum;
  }

  Situation situation_of(const World& w) const {
    Situation s;
    s.now = base::Instant(1h);
    s.local.name = "leader";
    s.settings.synchronous_mode = modes_[w.mode].mode;
    s.settings.synchronous_node_count = modes_[w.mode].count;
    s.settings.synchronous_mode_strict = modes_[w.mode].strict;
    s.cluster = ClusterView{};
    for (const auto& standby : names(everybody()))
      s.cluster->members.push_back({.name = standby, .state = MemberState::running});
    s.cluster->sync = SyncState{.leader = "leader",
                                .standbys = names(w.electable),
                                .quorum = static_cast<int>(w.quorum),
                                .mod_revision = 1};
    auto& status = s.local.instance.status.emplace();
    status.position = w.written ? kAfter : kBefore;
    status.synchronous_standby_names = settings_[w.names];
    const auto named = confirmation_of(settings_[w.names]).names;
    const auto have_it = names(w.have_it);
    for (const auto& standby : names(w.connected))
      status.standbys.push_back({.name = standby,
                                 .streaming = true,
                                 .synchronous = named.contains(standby),
                                 .flush = have_it.contains(standby) ? kAfter : kBefore});
    auto& barrier = s.local.memory.sync_barrier.emplace();
    barrier.names = settings_[w.names];
    if (w.barrier != Barrier::unknown)
      barrier.position = w.barrier == Barrier::after_the_commit ? kAfter : kBefore;
    return s;
  }

  std::optional<SyncStep> step_in(const World& w) {
    const auto known = steps_.find(w.situation());
    if (known != steps_.end()) return known->second;
    auto planned = plan_sync(situation_of(w));
    auto step = planned ? std::optional(std::move(planned->step)) : std::nullopt;
    return steps_.emplace(w.situation(), std::move(step)).first->second;
  }

  World after_step(World w) {
    const auto step = step_in(w);
    if (!step) return w;
    const auto put = [&](const Electorate& electorate) {
      w.electable = bits(electorate.standbys);
      w.quorum = static_cast<unsigned>(electorate.quorum);
    };
    if (const auto* narrow = std::get_if<NarrowState>(&*step)) put(narrow->electorate);
    if (const auto* widen = std::get_if<WidenState>(&*step)) put(widen->electorate);
    if (const auto* set = std::get_if<SetNames>(&*step)) {
      w.still_used |= 1ULL << w.names;
      w.names = number_of(set->names);
      w.barrier = Barrier::unknown;
    }
    return w;
  }

  bool can_acknowledge(const World& w) const {
    const auto have_it = names(w.have_it);
    for (unsigned setting = 0; setting < settings_.size(); ++setting) {
      if (setting != w.names && (w.still_used >> setting & 1U) == 0) continue;
      const auto confirmation = confirmation_of(settings_[setting]);
      const auto confirmed = std::ranges::count_if(
          confirmation.names, [&](const auto& standby) { return have_it.contains(standby); });
      if (confirmed >= confirmation.count) return true;
    }
    return false;
  }

  void visit_next(const World& now, std::size_t from) {
    const auto visit = [&](std::string_view what, World then) {
      if (seen_.emplace(then.key(), reached_.size()).second) reached_.push_back({then, from, what});
    };
    const auto changed = [&](auto change) {
      World then = now;
      change(then);
      return then;
    };
    if (!now.written) visit("it is written", changed([](World& w) { w.written = true; }));
    if (now.written && !now.acknowledged && can_acknowledge(now))
      visit("it is acknowledged", changed([](World& w) { w.acknowledged = true; }));
    for (unsigned i = 0; i < standbys_; ++i) {
      const auto bit = 1U << i;
      if (now.written && (now.connected & bit) != 0)
        visit("a standby has it", changed([&](World& w) { w.have_it |= bit; }));
      visit("a standby goes or comes", changed([&](World& w) { w.connected ^= bit; }));
    }
    visit("all processes have the setting", changed([](World& w) { settle(w); }));
    visit("the agent forgets", changed([](World& w) { w.barrier = Barrier::unknown; }));
    for (unsigned mode = 0; mode < modes_.size(); ++mode)
      visit("another mode is set", changed([&](World& w) { w.mode = mode; }));
    visit("the agent takes a step", after_step(now));
  }

  std::string describe(const World& w) const {
    return fmt::format("mode {}, names '{}', /sync [{}] quorum {}, connected [{}], have it [{}]{}", w.mode,
                       settings_[w.names], fmt::join(names(w.electable), ","), w.quorum,
                       fmt::join(names(w.connected), ","), fmt::join(names(w.have_it), ","),
                       w.acknowledged ? ", acknowledged" : "");
  }

  std::string story_of(std::size_t at) const {
    std::vector<std::string> story;
    for (;; at = reached_[at].from) {
      story.push_back(fmt::format("{}: {}", reached_[at].what, describe(reached_[at].world)));
      if (at == 0) break;
    }
    std::ranges::reverse(story);
    return fmt::format("{}", fmt::join(story, "\n"));
  }

  std::vector<Mode> modes_;
  unsigned standbys_;
  std::vector<std::string> settings_;
  std::vector<Reached> reached_;
  std::unordered_map<std::uint64_t, std::size_t> seen_;
  std::unordered_map<std::uint64_t, std::optional<SyncStep>> steps_;
};

void expect_safe(std::vector<Mode> modes, unsigned standbys) {
  Explorer explorer(std::move(modes), standbys);
  EXPECT_EQ(explorer.explore(), "");
  EXPECT_EQ(explorer.settle_everywhere(), "");
  EXPECT_GT(explorer.worlds(), 100U);
}

constexpr auto kOn = SynchronousMode::on;
constexpr auto kQuorum = SynchronousMode::quorum;

TEST(SyncPlan, LosesNothingInPriorityMode) {
  expect_safe({{kOn, 1}}, 2);
  expect_safe({{kOn, 2}}, 3);
}
TEST(SyncPlan, LosesNothingWithAQuorum) {
  expect_safe({{kQuorum, 1}}, 3);
  expect_safe({{kQuorum, 2}}, 2);
}
TEST(SyncPlan, LosesNothingInStrictMode) {
  expect_safe({{kQuorum, 1, true}}, 2);
  expect_safe({{kOn, 1, true}}, 2);
}
TEST(SyncPlan, LosesNothingWhenTheModeChanges) {
  expect_safe({{kOn, 1}, {kQuorum, 1}}, 2);
  expect_safe({{kQuorum, 1}, {kQuorum, 2}}, 2);
  expect_safe({{kOn, 2}, {kQuorum, 1}}, 2);
  expect_safe({{kOn, 1}, {kOn, 2, true}, {kQuorum, 2}}, 2);
}

}  // namespace
}  // namespace holdfast::ha
