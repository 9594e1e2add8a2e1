// Assertions for what our own code must guarantee; on in release too, because a process that ends is
// restarted, and one that goes on with broken state can lose data.
#pragma once

#include <string_view>

namespace holdfast::base {
[[noreturn]] void assertion_failed(std::string_view condition, std::string_view why, const char* file,
                                   int line);
}

#define HOLDFAST_ASSERT(condition, why) \
  ((condition) ? void() : ::holdfast::base::assertion_failed(#condition, why, __FILE__, __LINE__))
