#include "name_server.hpp"

#include <arpa/inet.h>
#include <array>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast::test {
namespace {

constexpr std::size_t kHeader = 12;
constexpr char kStop[] = "stop";

void append(std::string& to, unsigned value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    to.push_back(static_cast<char>((value >> shift) & 0xffU));
}

// "a.b" as <1>a<1>b<0>.
std::string labels(const std::string& name) {
  std::string out;
  for (std::size_t begin = 0; begin < name.size();) {
    const auto end = std::min(name.find('.', begin), name.size());
    out.push_back(static_cast<char>(end - begin));
    out += name.substr(begin, end - begin);
    begin = end + 1;
  }
  out.push_back('\0');
  return out;
}

// The name in the question, and where it ends.
std::pair<std::string, std::size_t> question(const std::string& query) {
  std::string name;
  auto at = kHeader;
  while (at < query.size() && query[at] != '\0') {
    const auto length = static_cast<unsigned char>(query[at]);
    name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
    at += 1U + length;
  }
  return {name, at + 1};
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

NameServer::NameServer(std::map<std::string, std::vector<SrvAnswer>> records) : records_(std::move(records)) {
  socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
  getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

NameServer::~NameServer() {
  const auto address = loopback(port_);
  sendto(socket_, kStop, sizeof kStop, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  thread_.join();
  close(socket_);
}

void NameServer::serve() {
  while (true) {
    std::array<char, 1024> buffer{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto count =
        recvfrom(socket_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (count <= static_cast<ssize_t>(kHeader)) return;  // kStop
    const auto reply = answer(std::string(buffer.data(), static_cast<std::size_t>(count)));
    sendto(socket_, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
  }
}

// https://www.rfc-editor.org/rfc/rfc1035#section-4
std::string NameServer::answer(const std::string& query) const {
  const auto [name, end] = question(query);
  const auto found = records_.find(name);
  const auto count = found == records_.end() ? 0U : static_cast<unsigned>(found->second.size());
  std::string reply = query.substr(0, 2);
  append(reply, count > 0 ? 0x8180U : 0x8183U, 2);  // an answer; NXDOMAIN
  append(reply, 1, 2);
  append(reply, count, 2);
  append(reply, 0, 4);
  reply += query.substr(kHeader, end + 4 - kHeader);
  for (unsigned i = 0; i < count; ++i) {
    const auto& record = found->second[i];
    std::string data;
    append(data, record.priority, 2);
    append(data, record.weight, 2);
    append(data, record.port, 2);
    data += labels(record.host);
    append(reply, 0xc000U + kHeader, 2);  // the name of the question
    append(reply, 33, 2);                 // SRV
    append(reply, 1, 2);                  // IN
    append(reply, 60, 4);                 // ttl
    append(reply, static_cast<unsigned>(data.size()), 2);
    reply += data;
  }
  return reply;
}

}  // namespace holdfast::test
