// How a command's steps end.
#pragma once

#include <expected>
#include <string>

#include "ctl/command.hpp"

namespace holdfast::ctl {

// Why a command ends, with what the person is told.
struct Failure {
  Exit exit = Exit::failed;
  std::string message;
  bool aborted = false;  // the person did not answer
};

template <class T>
using Outcome = std::expected<T, Failure>;

inline std::unexpected<Failure> stop(std::string message) {
  return std::unexpected(Failure{Exit::failed, std::move(message)});
}

}  // namespace holdfast::ctl
