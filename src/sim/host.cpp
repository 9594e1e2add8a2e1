#include "sim/host.hpp"

namespace holdfast::sim {

Host* Site::find(std::string_view url) const {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  if (const auto user = url.find('@'); user != std::string_view::npos) url.remove_prefix(user + 1);
  url = url.substr(0, url.find_first_of(":/?"));
  for (const auto& host : hosts) {
    if (host->name == url) return host.get();
  }
  return nullptr;
}

}  // namespace holdfast::sim
