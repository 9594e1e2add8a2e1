// Running the user's callbacks: beside everything else, one at a time.
#pragma once

#include <optional>
#include <string>

#include "base/event.hpp"
#include "base/task.hpp"
#include "base/task_group.hpp"
#include "ha/callbacks.hpp"
#include "postgres/site.hpp"
#include "system/process.hpp"

namespace holdfast::postgres {

// As Patroni does: a callback that is still running when the next is due is killed, its children with it, and
// the next begins when it is gone. on_reload is apart: it neither ends the others nor is ended by them. A
// callback that runs when the agent ends goes on.
class Callbacks {
 public:
  explicit Callbacks(Site& site);

  // Runs `postgresql.callbacks` of this action with ACTION ROLE SCOPE, if there is one. Never waits.
  void call(const ha::Callback& callback);

 private:
  struct Line {
    explicit Line(base::Executor& executor) : wanted(executor) {}
    base::Event wanted;
    std::optional<system::Command> next;
    std::string what;  // of `next`: for the log
    std::optional<system::Process> running;
  };
  base::Task<void> serve(Line& line);

  Site& site_;
  Line changes_, reloads_;
  base::TaskGroup serving_;
};

}  // namespace holdfast::postgres
