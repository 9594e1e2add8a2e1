// The words of one directive of a transcript, read from left to right.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "pg/lsn.hpp"

namespace holdfast::policy_tests {

// A transcript that cannot be read: what was found, and what was expected.
struct Misspelt : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Words {
 public:
  explicit Words(std::string_view text);

  bool done() const { return next_ == words_.size(); }
  // Moves past the next words if they are these.
  bool take(std::string_view expected);
  // `what` says what is expected, for the complaint when there is nothing.
  std::string next(std::string_view what);
  std::string_view peek() const { return done() ? std::string_view() : words_[next_].text; }
  bool quoted() const { return !done() && words_[next_].quoted; }
  // The rest, cut at its commas.
  std::vector<Words> items();
  void end() const;  // complains when a word is left

  pg::Lsn lsn();
  int number();
  base::Duration duration();  // 100ms, 2s, 30min
  bool at_lsn() const;        // a position is next

 private:
  struct Word {
    std::string text;
    bool quoted = false;
    bool comma_after = false;
  };
  Words() = default;

  std::vector<Word> words_;
  std::size_t next_ = 0;
};

// Cuts `text` wherever two or more spaces are; quoted text stays whole.
std::vector<std::string> columns(std::string_view text);

}  // namespace holdfast::policy_tests
