#include "system/systemd.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "telemetry/log.hpp"

namespace holdfast::system {
namespace {

// Zero, or the error.
int send_to(const std::string& path, std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';  // not in the file system
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return errno;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const auto sent = sendto(descriptor, text.data(), text.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), size);
  const int error = sent < 0 ? errno : 0;
  close(descriptor);
  return error;
}

void notify_systemd(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return;
  if (const int error = send_to(path, state); error != 0)
    telemetry::warning("telling systemd {}: {}: {}", state, path, std::strerror(error));
}

}  // namespace

void notify_ready() { notify_systemd("READY=1"); }

void notify_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  notify_systemd(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                             static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000));
}

void notify_stopping() { notify_systemd("STOPPING=1"); }

}  // namespace holdfast::system
