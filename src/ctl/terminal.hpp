// The person at the other end.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::ctl {

class Terminal {
 public:
  virtual ~Terminal() = default;
  virtual void out(std::string_view text) = 0;  // as it is, without a newline added
  virtual void err(std::string_view text) = 0;
  // Shows `question` and waits for a line, without its newline; nothing at the end of input.
  virtual std::optional<std::string> ask(std::string_view question) = 0;
  // The same, without showing what is typed.
  virtual std::optional<std::string> ask_secret(std::string_view question) = 0;
  virtual std::string read_all() = 0;  // standard input to its end
  virtual bool is_screen() const = 0;  // out() goes to a terminal, not to a file or pipe
};

}  // namespace holdfast::ctl
