// Latency and CPU of an agent's etcd calls through the JSON gateway and through native gRPC, taking turns
// against one etcd member, so that noise of the machine hits both. usage: etcd_transport [ROUNDS]
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "adapters/etcd_cluster.hpp"
#include "calls.hpp"

namespace holdfast::bench {
namespace {

using Microseconds = double;

Microseconds own_cpu() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

// In steps of 10 ms, so only sums over many calls mean something.
Microseconds cpu_of(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  text = text.substr(text.rfind(')') + 2);
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(' ', at), text.size());
    fields.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  const auto ticks = std::stod(fields.at(11)) + std::stod(fields.at(12));  // utime, stime
  return ticks * 1e6 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Measured {
  std::vector<Microseconds> latencies;
  Microseconds client_cpu = 0;
  Microseconds etcd_cpu = 0;

  void batch(int calls, pid_t etcd, const std::function<void()>& call) {
    const auto client_before = own_cpu();
    const auto etcd_before = cpu_of(etcd);
    for (int i = 0; i < calls; ++i) {
      const auto start = std::chrono::steady_clock::now();
      call();
      latencies.push_back(
          std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
    client_cpu += own_cpu() - client_before;
    etcd_cpu += cpu_of(etcd) - etcd_before;
  }

  void print(std::string_view what, std::string_view transport) {
    std::ranges::sort(latencies);
    const auto at = [&](double share) {
      return latencies[static_cast<std::size_t>(share * static_cast<double>(latencies.size() - 1))];
    };
    const auto count = static_cast<double>(latencies.size());
    fmt::print("{:<11} {:<8} {:>8.0f} {:>8.0f} {:>8.0f} {:>8.0f} {:>12.0f} {:>12.0f}\n", what, transport,
               at(0.5), at(0.25), at(0.75), at(0.99), client_cpu / count, etcd_cpu / count);
  }
};

struct Workload {
  std::string name;
  std::function<std::function<void()>(Calls&)> prepare;
};

std::vector<Workload> workloads() {
  return {{"read", [](Calls& calls) { return [&calls] { calls.read("/service/batman/"); }; }},
          {"transaction",
           [](Calls& calls) {
             static int made = 0;
             const auto key = fmt::format("/service/batman/status{}", made++);
             const auto value = std::string(60, 'x');
             return [&calls, key, value, revision = std::int64_t{0}]() mutable {
               revision = calls.put_if_unchanged(key, value, revision);
             };
           }},
          {"keep-alive",
           [](Calls& calls) { return [&calls, lease = calls.grant(600)] { calls.keep_alive(lease); }; }}};
}

void compare(int rounds) {
  constexpr int kCallsPerBatch = 200;
  test::EtcdCluster cluster;
  const auto gateway = gateway_calls(cluster.client_port(0));
  const auto grpc = grpc_calls(cluster.client_port(0));
  for (int i = 0; i < 8; ++i)  // what a cluster of a few members keeps there
    gateway->put_if_unchanged(fmt::format("/service/batman/members/node{}", i), std::string(300, 'm'), 0);
  fmt::print("{} rounds of {} calls each, in turn. Microseconds per call:\n", rounds, kCallsPerBatch);
  fmt::print("{:<11} {:<8} {:>8} {:>8} {:>8} {:>8} {:>12} {:>12}\n", "call", "through", "median", "25%",
             "75%", "99%", "client CPU", "etcd CPU");
  for (const auto& workload : workloads()) {
    Measured through_gateway;
    Measured through_grpc;
    const auto call_gateway = workload.prepare(*gateway);
    const auto call_grpc = workload.prepare(*grpc);
    for (int i = 0; i < 50; ++i) {  // connect, and let caches settle
      call_gateway();
      call_grpc();
    }
    for (int round = 0; round < rounds; ++round) {
      through_gateway.batch(kCallsPerBatch, cluster.pid(0), call_gateway);
      through_grpc.batch(kCallsPerBatch, cluster.pid(0), call_grpc);
    }
    through_gateway.print(workload.name, "gateway");
    through_grpc.print(workload.name, "gRPC");
  }
}

}  // namespace
}  // namespace holdfast::bench

int main(int count, char** arguments) {
  holdfast::bench::compare(count > 1 ? std::max(1, std::atoi(arguments[1])) : 30);
}
