// Golden files: what a real Patroni wrote and answered. tests/golden/README.md
#pragma once

#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::patroni {

// The lines of tests/golden/NAME; fails the test when there are none.
inline std::vector<std::string> golden_lines(std::string_view name) {
  const auto path = std::string(HOLDFAST_SOURCE_DIR "/tests/golden/").append(name);
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  EXPECT_FALSE(lines.empty()) << path << " cannot be read";
  return lines;
}

}  // namespace holdfast::patroni
