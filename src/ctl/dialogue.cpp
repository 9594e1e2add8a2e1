#include "ctl/dialogue.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace holdfast::ctl {
namespace {

std::unexpected<Failure> aborted() { return std::unexpected(Failure{Exit::failed, "Aborted!", true}); }

std::string lower_word(const std::string& text) {
  const auto from = text.find_first_not_of(" \t\r");
  if (from == std::string::npos) return {};
  auto word = text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
  std::ranges::transform(word, word.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return word;
}

}  // namespace

Outcome<std::string> ask(Session& session, const std::string& question, std::optional<std::string> preset) {
  const auto shown = preset ? fmt::format("{} [{}]: ", question, *preset) : question + ": ";
  while (true) {
    auto answer = session.terminal.ask(shown);
    if (!answer) return aborted();
    if (!answer->empty()) return *std::move(answer);
    if (preset) return *preset;
  }
}

Outcome<bool> confirm(Session& session, const std::string& question) {
  while (true) {
    const auto answer = session.terminal.ask(question + " [y/N]: ");
    if (!answer) return aborted();
    const auto word = lower_word(*answer);
    if (word == "y" || word == "yes") return true;
    if (word.empty() || word == "n" || word == "no") return false;
    session.terminal.out("Error: invalid input\n");
  }
}

}  // namespace holdfast::ctl
