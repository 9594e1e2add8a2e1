#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>

namespace holdfast::base {

void assertion_failed(std::string_view condition, std::string_view why, const char* file, int line) {
  fmt::print(stderr, "holdfast: assertion failed at {}:{}: {} ({})\n", file, line, condition, why);
  std::fflush(stderr);
  std::abort();
}

}  // namespace holdfast::base
