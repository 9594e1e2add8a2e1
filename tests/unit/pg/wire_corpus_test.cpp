// The fuzzer's properties on every input of its corpus and on seeded mutations of them, in every test run.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <vector>

#include "base/random.hpp"
#include "fuzz/wire_properties.hpp"

namespace holdfast::fuzz {
namespace {

std::vector<std::string> corpus() {
  std::vector<std::string> inputs;
  for (const auto& entry :
       std::filesystem::directory_iterator(HOLDFAST_SOURCE_DIR "/tests/fuzz/corpus/wire")) {
    std::ifstream file(entry.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

void mutate(std::string& bytes, base::Random& random) {
  for (auto changes = random.between(1, 4); changes > 0; --changes) {
    const auto at = random.below(bytes.size() + 1);
    switch (random.below(4)) {
      case 0:
        bytes.insert(at, 1, static_cast<char>(random.next()));
        break;
      case 1:
        bytes.erase(at, random.below(8));
        break;
      case 2:
        bytes.insert(at, bytes.substr(random.below(bytes.size() + 1), random.below(16)));
        break;
      default:
        if (at < bytes.size()) bytes[at] = static_cast<char>(random.next());
        break;
    }
  }
}

TEST(WireCorpus, HoldsForEveryInputAndItsNeighbours) {
  const auto inputs = corpus();
  ASSERT_GE(inputs.size(), 10);
  base::Random random(1);
  for (const auto& input : inputs) {
    check_wire(input);
    for (int i = 0; i < 300; ++i) {
      auto changed = input;
      mutate(changed, random);
      check_wire(changed);
    }
  }
}

}  // namespace
}  // namespace holdfast::fuzz
