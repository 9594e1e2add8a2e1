#include "patroni/keys.hpp"

namespace holdfast::patroni {

std::string normalize_namespace(std::string_view text) {
  std::string path = "/";
  for (const char c : text)
    if (c != '/' || path.back() != '/') path += c;
  if (path.back() != '/') path += '/';
  return path;
}

Keys::Keys(std::string_view dcs_namespace, std::string_view scope)
    : prefix_(normalize_namespace(normalize_namespace(dcs_namespace).append(scope))) {}

std::string_view Keys::relative(std::string_view key) const {
  return key.starts_with(prefix_) ? key.substr(prefix_.size()) : std::string_view();
}

}  // namespace holdfast::patroni
