// What happened in a run, twice: as a fingerprint, always, to compare runs; as text for people, when wanted.
#pragma once

#include <cstdint>
#include <fmt/format.h>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "sim/scheduler.hpp"

namespace holdfast::sim {

class Story {
 public:
  using Reader = std::function<void(std::string line)>;

  explicit Story(const Scheduler& time) : time_(time) {}

  // Without a reader no text is made, which is most of the cost.
  void read_by(Reader reader) { reader_ = std::move(reader); }
  bool has_reader() const { return static_cast<bool>(reader_); }

  // tell("b", "takes the leader key, epoch {}", epoch)
  template <class... Args>
  void tell(std::string_view who, fmt::format_string<Args...> text, Args&&... args) {
    mix_time();
    mix_text(who);
    const fmt::string_view format = text;
    mix_text({format.data(), format.size()});
    if (reader_) write(who, fmt::format(text, std::forward<Args>(args)...));
  }
  // For people only: tells them more of what is in the fingerprint already.
  template <class... Args>
  void remark(std::string_view who, fmt::format_string<Args...> text, Args&&... args) {
    if (reader_) write(who, fmt::format(text, std::forward<Args>(args)...));
  }
  // Of little interest to people, but part of the fingerprint.
  void note(std::uint64_t what) { mix(what); }
  void note(std::string_view what) { mix_text(what); }

  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  void mix(std::uint64_t value) { fingerprint_ = (fingerprint_ ^ value) * 0x100000001b3; }  // FNV-1a by word
  void mix_time() { mix(static_cast<std::uint64_t>(time_.now().time_since_epoch().count())); }
  void mix_text(std::string_view text);
  void write(std::string_view who, std::string text);

  const Scheduler& time_;
  Reader reader_;
  std::uint64_t fingerprint_ = 0xcbf29ce484222325;
};

}  // namespace holdfast::sim
