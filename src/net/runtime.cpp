#include "net/runtime.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <map>

#include "net/clock.hpp"

namespace holdfast::net {
namespace {

namespace asio = boost::asio;

class LoopExecutor final : public base::Executor {
 public:
  explicit LoopExecutor(asio::io_context& io) : io_(io) {}

 private:
  void wake() override {
    if (running_) return;  // run_ready() goes on until nothing is left
    asio::post(io_, [this] {
      running_ = true;
      run_ready();
      running_ = false;
    });
  }

  asio::io_context& io_;
  bool running_ = false;
};

}  // namespace

struct Runtime::Loop {
  asio::io_context io{1};  // one thread; not "unsafe", because the name resolver posts from its own
  LoopExecutor executor{io};
  BootTimeClock clock{io, executor};
  asio::signal_set signals{io};
  std::map<int, std::function<void()>> on_signal;

  void wait_for_signals() {
    signals.async_wait([this](boost::system::error_code error, int signal) {
      if (error) return;
      wait_for_signals();
      if (const auto found = on_signal.find(signal); found != on_signal.end()) {
        const auto callback = found->second;  // a copy: it may replace itself
        callback();
      }
    });
  }
};

Runtime::Runtime() : loop_(std::make_unique<Loop>()) {}
Runtime::~Runtime() = default;

base::Executor& Runtime::executor() { return loop_->executor; }
ports::Clock& Runtime::clock() { return loop_->clock; }
boost::asio::io_context& Runtime::io() { return loop_->io; }

void Runtime::run() {
  loop_->io.restart();
  const auto keep_running = asio::make_work_guard(loop_->io);
  loop_->io.run();
}

void Runtime::stop() { loop_->io.stop(); }

void Runtime::on_signal(int signal, std::function<void()> callback) {
  const bool first = loop_->on_signal.empty();
  if (!loop_->on_signal.contains(signal)) loop_->signals.add(signal);
  loop_->on_signal[signal] = std::move(callback);
  if (first) loop_->wait_for_signals();
}

void Runtime::run_task(base::Task<void> task) {
  auto and_stop = [](base::Task<void> work, Runtime& runtime) -> base::Task<void> {
    co_await std::move(work);
    runtime.stop();
  };
  base::TaskGroup group(executor());
  group.spawn(and_stop(std::move(task), *this));
  run();
}

}  // namespace holdfast::net
