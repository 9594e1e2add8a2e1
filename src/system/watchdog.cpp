#include "system/watchdog.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include "telemetry/log.hpp"

namespace holdfast::system {
namespace {

using base::Duration;
using base::ErrorKind;
using base::fail;
using base::Result;

class Device {
 public:
  explicit Device(std::string path) : path_(std::move(path)) {}
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  // Without 'V': an agent that is killed is no reason to let a primary go on that nobody looks after.
  virtual ~Device() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  bool usable() const { return access(path_.c_str(), W_OK) == 0; }

  Result<Duration> arm(Duration timeout) {
    const bool fresh = descriptor_ < 0;
    if (fresh) {
      // Not blocking: a pipe without a reader must not stop the agent.
      descriptor_ = open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      if (descriptor_ < 0) return fail(ErrorKind::unreachable, "opening {}: {}", path_, std::strerror(errno));
      opened();
    }
    auto set = set_timeout(std::chrono::duration_cast<std::chrono::seconds>(timeout));
    if (!set && fresh) (void)disarm();
    return set;
  }

  Result<void> keep_alive() { return put("1"); }

  Result<void> disarm() {
    if (descriptor_ < 0) return {};
    auto stopped = can_be_stopped() ? put("V") : fail(ErrorKind::failed, "{} cannot be stopped", path_);
    close(std::exchange(descriptor_, -1));
    return stopped;
  }

 protected:
  virtual void opened() {}
  virtual bool can_be_stopped() const = 0;
  virtual Result<Duration> set_timeout(std::chrono::seconds timeout) = 0;

  Result<void> put(std::string_view text) {
    if (descriptor_ < 0) return fail(ErrorKind::failed, "{} is not open", path_);
    // Such short texts are written at once or not at all.
    const auto written = write(descriptor_, text.data(), text.size());
    if (std::cmp_equal(written, text.size())) return {};
    return fail(ErrorKind::failed, "writing to {}: {}", path_,
                written < 0 ? std::strerror(errno) : "too short");
  }
  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int descriptor_ = -1;
};

class LinuxDevice final : public Device {
 public:
  using Device::Device;

 private:
  void opened() override {
    if (ioctl(descriptor(), WDIOC_GETSUPPORT, &support_) != 0) support_ = {};
    if (!can_be_stopped())
      telemetry::warning(
          "watchdog: {} cannot be stopped once it runs: it will end this host when this node does "
          "not lead any more",
          path());
  }
  bool can_be_stopped() const override { return (support_.options & WDIOF_MAGICCLOSE) != 0; }

  Result<Duration> set_timeout(std::chrono::seconds timeout) override {
    int seconds = static_cast<int>(timeout.count());
    if ((support_.options & WDIOF_SETTIMEOUT) != 0 && ioctl(descriptor(), WDIOC_SETTIMEOUT, &seconds) != 0)
      return fail(ErrorKind::failed, "setting the timeout of {} to {} s: {}", path(), timeout.count(),
                  std::strerror(errno));
    if (ioctl(descriptor(), WDIOC_GETTIMEOUT, &seconds) != 0)
      return fail(ErrorKind::failed, "asking {} for its timeout: {}", path(), std::strerror(errno));
    return std::chrono::seconds(seconds);
  }

  watchdog_info support_{};
};

class TestingDevice final : public Device {
 public:
  using Device::Device;

 private:
  bool can_be_stopped() const override { return true; }
  Result<Duration> set_timeout(std::chrono::seconds timeout) override {
    if (auto written = put(fmt::format("Ctimeout={}\n", timeout.count())); !written)
      return std::unexpected(std::move(written.error()));
    return timeout;
  }
};

// Null: there is none, or nobody wants it.
std::unique_ptr<Device> make_device(const patroni::WatchdogConfig& config) {
  if (config.mode == patroni::WatchdogConfig::Mode::off) return nullptr;
  if (config.driver == "testing") return std::make_unique<TestingDevice>(config.device);
  if (config.driver == "default") return std::make_unique<LinuxDevice>(config.device);
  return nullptr;
}

class ConfiguredWatchdog final : public ports::Watchdog {
 public:
  explicit ConfiguredWatchdog(const patroni::WatchdogConfig& config) : device_(make_device(config)) {}

  bool usable() const override { return device_ && device_->usable(); }
  Result<Duration> arm(Duration timeout) override {
    if (!device_) return fail(ErrorKind::unreachable, "there is no watchdog device");
    return device_->arm(timeout);
  }
  Result<void> keep_alive() override { return device_ ? device_->keep_alive() : Result<void>(); }
  Result<void> disarm() override { return device_ ? device_->disarm() : Result<void>(); }
  void reload(const patroni::WatchdogConfig& config) override {
    (void)disarm();
    device_ = make_device(config);
  }

 private:
  std::unique_ptr<Device> device_;
};

}  // namespace

std::unique_ptr<ports::Watchdog> make_watchdog(const patroni::WatchdogConfig& config) {
  return std::make_unique<ConfiguredWatchdog>(config);
}

}  // namespace holdfast::system
