#include "transcript.hpp"

#include <fmt/format.h>

#include "stage.hpp"
#include "words.hpp"

namespace holdfast::policy_tests {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTick = "tick";
constexpr std::string_view kArrow = "->";
constexpr std::size_t kArrowColumn = 8;

// "wait 1.0 s": for how long is worth reading, since a rule may want to look again soon.
std::string action_text(const ha::Situation& situation, const ha::Action& action) {
  const auto* wait = std::get_if<ha::Wait>(&action);
  return wait ? "wait " + base::to_string(wait->until - situation.now) : ha::to_string(action);
}

std::string right_hand_side(const ha::Situation& situation, const ha::Decision& decision) {
  return fmt::format("{:<32} {:<22} \"{}\"", decision.rule, action_text(situation, decision.action),
                     decision.reason);
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

bool is_tick(std::string_view line) {
  return line.starts_with(kTick) && (line.size() == kTick.size() || line[kTick.size()] == ' ');
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

class Teller {
 public:
  void line(std::string_view line, int number) {
    if (line.empty() || line.starts_with('#')) {
      telling_.text += fmt::format("{}\n", line);
    } else if (is_tick(line)) {
      tick(line, number);
    } else {
      for (const auto& directive : columns(line)) stage_.apply(directive);
      telling_.text += fmt::format("{}\n", line);
    }
  }
  void unreadable(int number, std::string why) {
    telling_.readable = false;
    telling_.complaints.push_back({number, std::move(why)});
  }
  Telling telling() && { return std::move(telling_); }

 private:
  void tick(std::string_view line, int number) {
    const auto arrow = line.find(kArrow);
    const auto left = trimmed(line.substr(0, arrow));
    if (left != kTick) throw Misspelt(fmt::format("'{}': a tick stands on a line of its own", left));
    const auto expected =
        arrow == std::string_view::npos ? std::string_view() : trimmed(line.substr(arrow + kArrow.size()));
    const auto decision = stage_.tick();
    const auto told = right_hand_side(stage_.situation(), decision);
    telling_.text += fmt::format("{:<{}}{} {}\n", left, kArrowColumn, kArrow, told);
    if (told != expected)
      telling_.complaints.push_back({number, fmt::format("expected {}\n  decided  {}", expected, told)});
  }

  Stage stage_;
  Telling telling_;
};

}  // namespace

Telling tell(std::string_view transcript) {
  Teller teller;
  int number = 0;
  for (const auto line : lines_of(transcript)) {
    ++number;
    try {
      teller.line(line, number);
    } catch (const Misspelt& problem) {
      teller.unreadable(number, problem.what());
      break;
    }
  }
  return std::move(teller).telling();
}

std::vector<std::string> rules_named(std::string_view transcript) {
  std::vector<std::string> ids;
  for (const auto line : lines_of(transcript)) {
    const auto arrow = line.find(kArrow);
    if (!is_tick(line) || arrow == std::string_view::npos) continue;
    const auto told = trimmed(line.substr(arrow + kArrow.size()));
    ids.emplace_back(told.substr(0, told.find(' ')));
  }
  return ids;
}

}  // namespace holdfast::policy_tests
