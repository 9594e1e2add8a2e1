// What the data plane counts. Each event loop writes numbers of its own; anyone may read them and add them
// up.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "routing/route.hpp"
#include "routing/session_end.hpp"

namespace holdfast::router {

inline constexpr std::size_t kEndKinds = static_cast<std::size_t>(routing::kLastEndKind) + 1;
inline constexpr std::size_t kPorts = 2;

// A number that one thread changes and any may read.
class Count {
 public:
  void add(std::uint64_t n = 1) { value_.store(get() + n, std::memory_order_relaxed); }
  void subtract(std::uint64_t n = 1) { value_.store(get() - n, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// The same sets of numbers are counted (N = Count) and reported (N = std::uint64_t).
template <class N>
struct ServerNumbers {
  N sessions{};          // now
  N connects{};          // connections that the server answered
  N connect_failures{};  // refused, timed out, or "starting up"
  N bytes_to_server{};
  N bytes_from_server{};
};
template <class N>
struct PortNumbers {
  N accepted{};
  N sessions{};  // now, with a server
  N held{};      // now, waiting
  N ever_held{};
};
template <class N>
struct LoopNumbers {
  std::array<PortNumbers<N>, kPorts> ports{};
  std::array<N, kEndKinds> ends{};
  N connections{};      // client sockets now, whatever they do
  N cancels_relayed{};  // requests of which the server was known
  N cancels_unknown{};
};

// A sum over all loops.
struct Traffic : LoopNumbers<std::uint64_t> {
  std::map<std::string, ServerNumbers<std::uint64_t>> servers;
};

struct LoopCounters : LoopNumbers<Count> {
  // Made when first asked for; stays where it is.
  ServerNumbers<Count>& server(const std::string& name);

  // From any thread.
  void add_to(Traffic& sum) const;
  std::uint64_t sessions_on(const std::string& server) const;

 private:
  mutable std::mutex mutex_;  // guards the map, not the numbers
  std::map<std::string, std::unique_ptr<ServerNumbers<Count>>> servers_;
};

}  // namespace holdfast::router
