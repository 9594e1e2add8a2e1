#include "pg/copy_progress.hpp"

#include <algorithm>
#include <charconv>

namespace holdfast::pg {

double CopyProgress::share() const {
  return total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
}

std::optional<CopyProgress> parse_copy_progress(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const auto* const end = line.data() + line.size();
  CopyProgress progress;
  const auto [slash, no_done] = std::from_chars(line.data(), end, progress.done);
  if (no_done != std::errc{} || slash == end || *slash != '/') return std::nullopt;
  const auto [rest, no_total] = std::from_chars(slash + 1, end, progress.total);
  if (no_total != std::errc{} || !std::string_view(rest, end).starts_with(" kB (")) return std::nullopt;
  progress.done *= 1024;
  progress.total *= 1024;
  return progress;
}

std::string without_progress(std::string_view output) {
  std::string text;
  while (!output.empty()) {
    const auto line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(line.size() + 1, output.size()));
    if (!line.empty() && !parse_copy_progress(line)) text.append(text.empty() ? "" : " ").append(line);
  }
  return text;
}

}  // namespace holdfast::pg
