// -w SECONDS and -W: to look again and again until the person has seen enough.
#pragma once

#include "ctl/command.hpp"

namespace holdfast::ctl {

class Watch {
 public:
  enum class Screen { clear, keep };
  Watch(Session& session, Screen screen);

  bool on() const { return pause_ > base::Duration::zero(); }
  // Waits until it is time to look again.
  base::Task<void> next();

 private:
  void begin();

  Session& session_;
  Screen screen_;
  base::Duration pause_{};
  base::Instant began_{};
};

}  // namespace holdfast::ctl
