#include "pg/postmaster_file.hpp"

#include <charconv>

namespace holdfast::pg {
namespace {

constexpr int kStatusLine = 8;

std::string_view line(std::string_view text, int number) {
  for (int at = 1; at < number; ++at) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

PostmasterFile::Status status_named(std::string_view name) {
  using Status = PostmasterFile::Status;
  if (name.starts_with("starting")) return Status::starting;
  if (name.starts_with("stopping")) return Status::stopping;
  if (name.starts_with("ready")) return Status::ready;
  if (name.starts_with("standby")) return Status::standby;
  return Status::unknown;
}

}  // namespace

std::optional<PostmasterFile> parse_postmaster_file(std::string_view text) {
  PostmasterFile file;
  const auto pid = line(text, 1);
  const auto [end, error] = std::from_chars(pid.data(), pid.data() + pid.size(), file.pid);
  if (error != std::errc{} || file.pid == 0) return std::nullopt;
  file.status = status_named(line(text, kStatusLine));
  return file;
}

}  // namespace holdfast::pg
