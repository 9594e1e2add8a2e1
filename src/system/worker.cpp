#include "system/worker.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>

namespace holdfast::system {

struct Worker::Job {
  std::function<void()> work;
  base::Resumption* waiting = nullptr;  // the loop's alone; null once nobody waits any more
};

struct Worker::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Job>> queue;
  bool closing = false;
  std::thread thread;

  std::shared_ptr<Job> next() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return closing || !queue.empty(); });
    if (queue.empty()) return nullptr;
    auto job = std::move(queue.front());
    queue.pop_front();
    return job;
  }
};

Worker::Worker(net::Runtime& runtime) : runtime_(runtime), shared_(std::make_unique<Shared>()) {
  // Signals are for the loop's thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  shared_->thread = std::thread([&io = runtime.io(), &executor = runtime.executor(), shared = shared_.get()] {
    while (auto job = shared->next()) {
      job->work();
      boost::asio::post(io, [job, &executor] {
        if (job->waiting != nullptr) executor.post(*job->waiting);
      });
    }
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Worker::~Worker() {
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->closing = true;
  }
  shared_->changed.notify_one();
  shared_->thread.join();
}

void Worker::add(std::shared_ptr<Job> job) {
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->queue.push_back(std::move(job));
  }
  shared_->changed.notify_one();
}

void Worker::run_later(std::function<void()> work) {
  auto job = std::make_shared<Job>();
  job->work = std::move(work);
  add(std::move(job));
}

Worker::Call::~Call() {
  if (job_) job_->waiting = nullptr;
}

void Worker::Call::await_suspend(std::coroutine_handle<> caller) {
  resumption_.set(caller);
  job_ = std::make_shared<Job>();
  job_->work = std::move(work_);
  job_->waiting = &resumption_;
  worker_.add(job_);
}

}  // namespace holdfast::system
