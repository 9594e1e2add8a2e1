#include "telemetry/log_line.hpp"

#include <cstdlib>
#include <ctime>
#include <gtest/gtest.h>

namespace holdfast::telemetry {
namespace {

class LogLine : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  std::string line(const std::string& format = {}, const std::string& dateformat = {}) {
    if (!format.empty()) config.format = format;
    config.dateformat = dateformat;
    return log_line(config, record);
  }

  patroni::LogConfig config;
  LogRecord record{.time = base::WallTime(std::chrono::microseconds(1795447222'345678)),
                   .level = "INFO",
                   .text = "no action"};
};

TEST_F(LogLine, IsPatronisWhenNothingIsSaid) { EXPECT_EQ(line(), "2026-11-23 15:20:22,345 INFO: no action"); }

TEST_F(LogLine, FollowsPythonsFormat) {
  EXPECT_EQ(line("%(asctime)s %(levelname)s [%(pathname)s:%(lineno)d - %(funcName)s]: %(message)s"),
            "2026-11-23 15:20:22,345 INFO [-:- - -]: no action");
  EXPECT_EQ(line("%(levelname)-8s|%(levelname)8s|"), "INFO    |    INFO|");
  EXPECT_EQ(line("%(asctime)s %(message)s", "%d.%m. %H:%M"), "23.11. 15:20 no action");
  EXPECT_EQ(line("100%% %(nobody)s %(message"), "100% %(nobody)s %(message");
  EXPECT_EQ(line("%(name)s %(msecs)d"), "holdfast 345");
}

TEST_F(LogLine, CanBeJson) {
  config.json = true;
  config.fields = {{"asctime", "time"}, {"levelname", "levelname"}, {"message", "message"}};
  config.static_fields = {{"app", "patroni"}};
  record.text = "said \"no\"";
  EXPECT_EQ(
      line(),
      R"({"time":"2026-11-23 15:20:22,345","levelname":"INFO","message":"said \"no\"","app":"patroni"})");
}

}  // namespace
}  // namespace holdfast::telemetry
