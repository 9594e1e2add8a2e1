// What must never happen, one small class for each, and the judge who asks them at every event that matters.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ha/cluster_view.hpp"
#include "sim/etcd.hpp"
#include "sim/host.hpp"
#include "sim/scenario.hpp"

namespace holdfast::sim {

// How long the agent of a host has been running without a break; nothing: it is dead or frozen.
using AgentUptime = std::function<std::optional<Duration>(const Host&)>;

// What invariants judge by: the truth, which no node knows.
struct Facts {
  const Scenario& scenario;
  const Site& site;
  const Etcd& etcd;
  AgentUptime agent_uptime;

  std::map<CommitId, WalRecord> acknowledged;
  std::optional<WalRecord> newest_acknowledged;
  // A lease that etcd ends early, against its promise, leaves its owner with a right that another may get
  // too.
  Moment promise_broken_until{};

  std::optional<ha::SyncState> sync_state() const;
  std::string leader() const;  // the holder of the leader key; empty: none
};

class Invariant {
 public:
  virtual ~Invariant() = default;
  virtual std::string_view name() const = 0;

  // Each says what is wrong, or nothing.
  using Verdict = std::optional<std::string>;
  virtual Verdict accepts_writes(const Facts&, const Host&) { return {}; }
  virtual Verdict wrote(const Facts&, const Host&, const WalRecord&) { return {}; }
  virtual Verdict acknowledged(const Facts&, const Host&, const WalRecord&) { return {}; }
  virtual Verdict etcd_changed(const Facts&, const ports::WatchEvent&) { return {}; }
  virtual Verdict healed(const Facts&) { return {}; }  // at the end
};

std::vector<std::unique_ptr<Invariant>> all_invariants();

struct Violation {
  std::string invariant;
  std::string what;
};

class Judge final : public Witness {
 public:
  explicit Judge(Story& story) : story_(story), invariants_(all_invariants()) {}
  void preside(std::unique_ptr<Facts> facts) { facts_ = std::move(facts); }
  Facts& facts() { return *facts_; }

  const std::optional<Violation>& violation() const { return violation_; }
  // Asynchronous only: two nodes were promoted from the same timeline without knowing of one another, and
  // PostgreSQL gave both new timelines the same number. What follows from there can be judged no more.
  bool forked() const { return forked_; }
  void report(std::string_view invariant, std::string what);  // the first counts

  void accepts_writes(std::string_view host) override;
  void wrote(std::string_view host, const WalRecord& record) override;
  void acknowledged(std::string_view host, const WalRecord& record) override;
  void streamed_other_history(std::string_view standby, std::string_view upstream) override;
  void etcd_changed(const ports::WatchEvent& event);
  void healed();

 private:
  template <class Ask>
  void ask_all(Ask ask) {
    for (const auto& invariant : invariants_) {
      if (auto wrong = ask(*invariant)) report(invariant->name(), std::move(*wrong));
    }
  }

  Story& story_;
  std::vector<std::unique_ptr<Invariant>> invariants_;
  std::unique_ptr<Facts> facts_;
  std::optional<Violation> violation_;
  bool forked_ = false;
};

}  // namespace holdfast::sim
