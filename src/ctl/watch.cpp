#include "ctl/watch.hpp"

namespace holdfast::ctl {
namespace {

constexpr std::chrono::duration<double> kBriskly(2);  // patronictl's -W

base::Duration pause_of(const Arguments& arguments) {
  std::chrono::duration<double> pause(arguments.watch.value_or(0));
  if (arguments.watch_briskly && pause.count() == 0) pause = kBriskly;
  return std::chrono::duration_cast<base::Duration>(pause);
}

}  // namespace

Watch::Watch(Session& session, Screen screen)
    : session_(session), screen_(screen), pause_(pause_of(session.arguments)) {
  begin();
}

void Watch::begin() {
  if (on() && screen_ == Screen::clear && session_.terminal.is_screen())
    session_.terminal.out("\x1b[2J\x1b[1;1H");
  began_ = session_.runtime.clock().now();
}

base::Task<void> Watch::next() {
  co_await session_.runtime.clock().sleep_until(began_ + pause_);
  begin();
}

}  // namespace holdfast::ctl
