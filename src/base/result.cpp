#include "base/result.hpp"

namespace holdfast::base {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::unreachable:
      return "unreachable";
    case ErrorKind::timed_out:
      return "timed out";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::lease_lost:
      return "lease lost";
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::failed:
      return "failed";
  }
  return "unknown";
}

std::unexpected<Error> in(std::string_view doing, Error error) {
  error.message = fmt::format("{}: {}", doing, error.message);
  return std::unexpected(std::move(error));
}

}  // namespace holdfast::base
