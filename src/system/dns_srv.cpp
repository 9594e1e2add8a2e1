#include "system/dns_srv.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <array>
#include <netdb.h>
#include <resolv.h>
#include <tuple>

namespace holdfast::system {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr int kTimeout = 2;  // seconds for each try; libresolv asks every server twice
constexpr int kTries = 2;
constexpr std::size_t kFixedPart = 6;  // priority, weight and port, before the name

// The resolver's state of this call alone: the global one is not for threads.
class Resolver {
 public:
  Resolver() { ready_ = res_ninit(&state_) == 0; }
  ~Resolver() {
    if (ready_) res_nclose(&state_);
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  bool ready() const { return ready_; }
  void ask_only(std::uint16_t port) {
    state_.nscount = 1;
    state_.nsaddr_list[0] = {};
    state_.nsaddr_list[0].sin_family = AF_INET;
    state_.nsaddr_list[0].sin_port = htons(port);
    state_.nsaddr_list[0].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  // The length of the answer; negative: `problem` says why there is none.
  int ask(const std::string& name, std::vector<unsigned char>& answer, int& problem) {
    state_.retrans = kTimeout;
    state_.retry = kTries;
    const int length =
        res_nquery(&state_, name.c_str(), ns_c_in, ns_t_srv, answer.data(), static_cast<int>(answer.size()));
    problem = state_.res_h_errno;
    return length;
  }

 private:
  struct __res_state state_{};
  bool ready_ = false;
};

std::optional<SrvRecord> srv_record(const ns_msg& message, const ns_rr& record) {
  if (ns_rr_type(record) != ns_t_srv || ns_rr_rdlen(record) <= kFixedPart) return std::nullopt;
  const auto* data = ns_rr_rdata(record);
  std::array<char, NS_MAXDNAME> host{};
  if (dn_expand(ns_msg_base(message), ns_msg_end(message), data + kFixedPart, host.data(), host.size()) < 0)
    return std::nullopt;
  const auto number = [&](std::size_t at) { return static_cast<std::uint16_t>(ns_get16(data + at)); };
  SrvRecord found{.host = host.data(), .port = number(4), .priority = number(0), .weight = number(2)};
  if (found.host.empty() || found.host == "." || found.port == 0) return std::nullopt;  // "not offered here"
  return found;
}

}  // namespace

Result<std::vector<SrvRecord>> find_srv_records(const std::string& name,
                                                std::optional<std::uint16_t> name_server_port) {
  Resolver resolver;
  if (!resolver.ready()) return fail(ErrorKind::failed, "the resolver cannot be set up (/etc/resolv.conf)");
  if (name_server_port) resolver.ask_only(*name_server_port);
  std::vector<unsigned char> answer(NS_MAXMSG);
  int problem = 0;
  const int length = resolver.ask(name, answer, problem);
  if (length < 0 && (problem == HOST_NOT_FOUND || problem == NO_DATA)) return std::vector<SrvRecord>();
  if (length < 0) return fail(ErrorKind::unreachable, "asking for {}: {}", name, hstrerror(problem));

  ns_msg message{};
  if (ns_initparse(answer.data(), length, &message) != 0)
    return fail(ErrorKind::invalid, "asking for {}: the answer does not parse", name);
  std::vector<SrvRecord> found;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record{};
    if (ns_parserr(&message, ns_s_an, i, &record) != 0) continue;
    if (auto srv = srv_record(message, record)) found.push_back(std::move(*srv));
  }
  std::ranges::sort(found, {}, [](const SrvRecord& srv) {
    return std::tuple(srv.priority, -srv.weight, std::string_view(srv.host), srv.port);
  });
  return found;
}

}  // namespace holdfast::system
