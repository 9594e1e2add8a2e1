// A DNS server on 127.0.0.1 that knows a few SRV records.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::test {

struct SrvAnswer {
  std::string host;
  std::uint16_t port = 0;
  std::uint16_t priority = 0, weight = 0;
};

class NameServer {
 public:
  explicit NameServer(std::map<std::string, std::vector<SrvAnswer>> records);
  ~NameServer();
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  void serve();
  std::string answer(const std::string& query) const;

  std::map<std::string, std::vector<SrvAnswer>> records_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace holdfast::test
