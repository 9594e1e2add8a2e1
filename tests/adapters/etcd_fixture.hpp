// What the tests of the etcd adapter share.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "adapters/etcd_cluster.hpp"
#include "adapters/tcp_proxy.hpp"
#include "etcd/etcd_dcs.hpp"
#include "net/http_server.hpp"
#include "net/runtime.hpp"
#include "ports/dcs.hpp"

namespace holdfast::test {

using base::ErrorKind;
using base::Result;
using namespace std::chrono_literals;

class EtcdTest : public testing::Test {
 protected:
  ports::Clock& clock() { return runtime_.clock(); }
  base::Instant in(base::Duration duration) { return clock().now() + duration; }
  template <class T>
  T run(base::Task<T> task) {
    return runtime_.run_task(std::move(task));
  }
  void run(base::Task<void> task) { runtime_.run_task(std::move(task)); }

  std::unique_ptr<etcd::EtcdDcs> connect(const patroni::EtcdConfig& config);
  static patroni::EtcdConfig at(std::vector<std::uint16_t> ports);  // endpoints on 127.0.0.1, in order

  Result<std::int64_t> commit(ports::Dcs& dcs, ports::Transaction transaction) {
    return run(dcs.commit(std::move(transaction), in(5s)));
  }
  Result<std::int64_t> put(ports::Dcs& dcs, std::string key, std::string value) {
    return commit(dcs, {.conditions = {}, .writes = {ports::Put{std::move(key), std::move(value)}}});
  }

  // "a=1 b=2", without the prefix; or the error.
  std::string values(ports::Dcs& dcs, const std::string& prefix);
  // The next events, "a=1 -b", without what is before the last slash. Fewer if they do not come in time.
  std::string next_events(ports::DcsWatch& watch, std::size_t count, base::Duration patience = 10s);
  static std::string text(const std::vector<ports::WatchEvent>& events);

  // `failed` also stands for success, which no call here reports as such.
  template <class T>
  static ErrorKind kind(const Result<T>& result) {
    return result ? ErrorKind::failed : result.error().kind;
  }

  net::Runtime runtime_;
};

}  // namespace holdfast::test
