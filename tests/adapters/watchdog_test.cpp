// The watchdog's drivers: of the kernel's only what can be seen without one.
#include "system/watchdog.hpp"

#include <array>
#include <fcntl.h>
#include <filesystem>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using patroni::WatchdogConfig;
using testing::HasSubstr;

class WatchdogDevice : public testing::Test {
 protected:
  WatchdogDevice() {
    std::array<char, 64> name{"/tmp/holdfast-watchdog-XXXXXX"};
    directory_ = mkdtemp(name.data());
    pipe_ = directory_ / "fifo";
    if (mkfifo(pipe_.c_str(), 0600) != 0) std::abort();
  }
  ~WatchdogDevice() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<ports::Watchdog> testing_driver() const {
    return system::make_watchdog(
        {.mode = WatchdogConfig::Mode::required, .driver = "testing", .device = pipe_});
  }
  int reader() const { return open(pipe_.c_str(), O_RDONLY | O_NONBLOCK); }
  static std::string all_from(int reader) {
    std::array<char, 256> buffer{};
    const auto count = read(reader, buffer.data(), buffer.size());
    return count > 0 ? std::string(buffer.data(), static_cast<std::size_t>(count)) : "";
  }

  std::filesystem::path directory_, pipe_;
};

TEST_F(WatchdogDevice, TellsAPipeWhatItWouldTellTheKernel) {
  const int fifo = reader();
  const auto watchdog = testing_driver();
  EXPECT_TRUE(watchdog->usable());
  const auto timeout = watchdog->arm(15s);
  ASSERT_TRUE(timeout) << timeout.error().message;
  EXPECT_EQ(*timeout, 15s);
  EXPECT_EQ(all_from(fifo), "Ctimeout=15\n");
  ASSERT_TRUE(watchdog->keep_alive());
  ASSERT_TRUE(watchdog->keep_alive());
  EXPECT_EQ(all_from(fifo), "11");
  ASSERT_TRUE(watchdog->arm(25s));
  EXPECT_EQ(all_from(fifo), "Ctimeout=25\n");
  ASSERT_TRUE(watchdog->disarm());
  EXPECT_EQ(all_from(fifo), "V");
  ASSERT_TRUE(watchdog->arm(10s)) << "after a pause";
  EXPECT_EQ(all_from(fifo), "Ctimeout=10\n");
  close(fifo);
}

TEST_F(WatchdogDevice, CanBeExchangedWhileItDoesNotRun) {
  const auto watchdog = system::make_watchdog({.mode = WatchdogConfig::Mode::off});
  EXPECT_FALSE(watchdog->usable());
  watchdog->reload({.mode = WatchdogConfig::Mode::automatic, .driver = "testing", .device = pipe_});
  EXPECT_TRUE(watchdog->usable());
  const int fifo = reader();
  ASSERT_TRUE(watchdog->arm(15s));
  EXPECT_EQ(all_from(fifo), "Ctimeout=15\n");
  ASSERT_TRUE(watchdog->disarm());
  watchdog->reload({.mode = WatchdogConfig::Mode::off});
  EXPECT_FALSE(watchdog->arm(15s));
  close(fifo);
}

TEST_F(WatchdogDevice, AnAgentThatDiesDoesNotStopIt) {
  const int fifo = reader();
  {
    const auto watchdog = testing_driver();
    ASSERT_TRUE(watchdog->arm(15s));
  }
  EXPECT_EQ(all_from(fifo), "Ctimeout=15\n");
  close(fifo);
}

TEST_F(WatchdogDevice, APipeThatNobodyReadsBlocksNobody) {
  const auto armed = testing_driver()->arm(15s);
  ASSERT_FALSE(armed);
  EXPECT_EQ(armed.error().kind, base::ErrorKind::unreachable);
  EXPECT_THAT(armed.error().message, HasSubstr(pipe_.string()));
}

TEST_F(WatchdogDevice, WhatIsNotThereIsNotUsable) {
  const auto none =
      system::make_watchdog({.mode = WatchdogConfig::Mode::required, .device = "/nonexistent/watchdog"});
  EXPECT_FALSE(none->usable());
  EXPECT_THAT(none->arm(15s).error().message, HasSubstr("/nonexistent/watchdog"));
  EXPECT_TRUE(none->disarm());
  const auto off = system::make_watchdog({.mode = WatchdogConfig::Mode::off, .device = "/dev/null"});
  EXPECT_FALSE(off->usable());
}

TEST_F(WatchdogDevice, WhatIsNoWatchdogDoesNotCountAsOne) {
  const auto null = system::make_watchdog({.mode = WatchdogConfig::Mode::automatic, .device = "/dev/null"});
  EXPECT_FALSE(null->arm(15s)) << "/dev/null knows no timeout";
}

}  // namespace
}  // namespace holdfast::test
