#include "sim/story.hpp"

#include <cstring>

namespace holdfast::sim {

void Story::mix_text(std::string_view text) {
  while (text.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), sizeof word);
    mix(word);
    text.remove_prefix(sizeof word);
  }
  for (const char c : text) mix(static_cast<unsigned char>(c));
}

void Story::write(std::string_view who, std::string text) {
  const double seconds = std::chrono::duration<double>(time_.now().time_since_epoch()).count();
  reader_(fmt::format("{:10.3f}  {:<8} {}", seconds, who, text));
}

}  // namespace holdfast::sim
