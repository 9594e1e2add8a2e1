// What can go wrong, as a value. Every fallible function returns Result<T>; an Error says what the
// caller can do about it (kind) and what a person needs to know (message).
#pragma once

#include <expected>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::base {

enum class ErrorKind {
  unreachable,  // nobody answered; nothing was sent, or nothing can have happened
  timed_out,    // no answer in time; the effect may have happened: read before you decide
  conflict,     // a comparison failed: the world is not as the caller saw it; read again
  lease_lost,   // the lease is gone, and all keys on it
  refused,      // the other side understood and said no (authentication, permission, state)
  invalid,      // what we were given is malformed; trying again cannot help
  failed,       // it was tried and did not work (a command's exit status, a broken file)
};

std::string_view to_string(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::failed;
  std::string message;
};

template <class T = void>
using Result = std::expected<T, Error>;

// fail(ErrorKind::invalid, "port {} is taken", port): the error half of a Result.
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(Error{kind, fmt::format(text, std::forward<Args>(args)...)});
}

// in("reading the cluster", error): the same error, saying what we were doing when it happened.
[[nodiscard]] std::unexpected<Error> in(std::string_view doing, Error error);

}  // namespace holdfast::base
