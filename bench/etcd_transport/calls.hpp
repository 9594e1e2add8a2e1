// The calls that an agent makes of etcd, blocking, one transport behind each of the two functions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace holdfast::bench {

class Calls {
 public:
  virtual ~Calls() = default;
  virtual void read(const std::string& prefix) = 0;  // linearizable
  virtual std::int64_t put_if_unchanged(const std::string& key, const std::string& value,
                                        std::int64_t revision) = 0;
  virtual std::int64_t grant(std::int64_t seconds) = 0;
  virtual void keep_alive(std::int64_t lease) = 0;
};

std::unique_ptr<Calls> gateway_calls(std::uint16_t port);
std::unique_ptr<Calls> grpc_calls(std::uint16_t port);

}  // namespace holdfast::bench
