// Run it: cmake --preset dev, build wire_fuzz, then wire_fuzz NEW_CORPUS
// tests/fuzz/corpus/wire
#include <cstddef>
#include <cstdint>

#include "fuzz/wire_properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  holdfast::fuzz::check_wire(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
