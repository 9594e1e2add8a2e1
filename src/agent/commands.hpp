// What people ask of this node over REST. A request stands in the situation until the policy has seen to it;
// here is what is asked, whether it can be, and what came of it.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "ha/situation.hpp"

namespace holdfast::agent {

class Commands {
 public:
  explicit Commands(ha::Situation& situation) : situation_(situation) {}

  // Why not; absent: asked.
  std::optional<std::string> ask_restart(ha::RestartConditions conditions);
  std::optional<std::string> ask_reinitialize(ha::Reinitialize request);
  // False: another one is scheduled already. `as_asked` is shown to people and in etcd.
  bool schedule_restart(ha::ScheduledRestart request, boost::json::object as_asked);
  // Whether there was one.
  bool drop_scheduled_restart();
  bool drop_reinitialize();
  bool give_up_reinitialize();

  // From when it was asked for until the copy is complete, or it is given up.
  bool reinitializes() const;
  enum class Reinitialize {
    none,  // nobody has asked for one, or it is under way
    done,
    given_up,
  };
  Reinitialize last_reinitialize() const { return last_reinitialize_; }

  enum class Restart {
    asked,
    under_way,
    done,
    failed,
  };
  Restart last_restart() const { return last_restart_; }
  void give_up_restart() { situation_.local.requests.restart.reset(); }

  // The scheduled restart with its conditions, as it was asked for; empty: none.
  const boost::json::object& scheduled_restart() const;

  // For the agent. A job was begun (for a request, or not), has ended, or was cancelled.
  void job_begun(const ha::RunningJob& job);
  void job_ended(const ha::RunningJob& job, bool well);

 private:
  bool job_is_restart(const ha::RunningJob& job) const;

  ha::Situation& situation_;
  Restart last_restart_ = Restart::done;
  Reinitialize last_reinitialize_ = Reinitialize::none;
  boost::json::object scheduled_restart_;
};

}  // namespace holdfast::agent
