// The situation that a transcript tells of: directives change it, a tick asks the policy.
#pragma once

#include <string>
#include <string_view>

#include "ha/policy.hpp"
#include "policy/words.hpp"

namespace holdfast::policy_tests {

class Stage {
 public:
  Stage();

  // One directive, for example "leader none". Throws Misspelt.
  void apply(std::string_view directive);
  // One look and one decision, as the agent makes them. A job that it starts is under way from then on.
  ha::Decision tick();

  const ha::Situation& situation() const { return s_; }

 private:
  friend struct Directive;

  // The cluster, as etcd has it
  void etcd(Words& words);
  void members(Words& words);
  void member(Words& words);
  void leader(Words& words);
  void initialize(Words& words);
  void sync(Words& words);
  void request(Words& words);
  void optime(Words& words);
  void history(Words& words);
  void config(Words& words);
  void positions(Words& words);
  void retained(Words& words);
  void failsafe(Words& words);
  void set(Words& words);
  // This node
  void me(Words& words);
  void tags(Words& words);
  void postgres(Words& words);
  void data(Words& words);
  void names(Words& words);
  void walsenders(Words& words);
  void slots(Words& words);
  void fetched(Words& words);
  void lease(Words& words);
  void watchdog(Words& words);
  void job(Words& words);
  void compared(Words& words);
  void namesake(Words& words);
  void checkpoint(Words& words);
  void asked_to_stop(Words& words);
  void ask(Words& words);
  void pending(Words& words);
  void agent(Words& words);
  // The rest of the world
  void peers(Words& words);
  void members_answer(Words& words);
  void promised(Words& words);
  void time(Words& words);

  ha::ClusterView& cluster();
  ha::ServerStatus& server();
  ha::Revision next_revision() { return ++revision_; }
  void describe_member(ha::Member& member, Words& words);
  void note_begun(const ha::RunningJob& job);
  void note_dropped(const ha::Action& action);
  void set_slots(Words& words);
  void set_ignored_slots(Words& words);
  ha::Situation with_usual_slots() const;
  void prove_sync_names();

  ha::Situation s_;
  // synchronous_standby_names, and since when
  std::optional<std::pair<std::string, base::Instant>> names_seen_;
  bool slots_told_ = false;    // until then a standby has those that it should have
  ha::ClusterView last_seen_;  // what etcd held when it went silent
  ha::Revision revision_ = 100;
};

}  // namespace holdfast::policy_tests
