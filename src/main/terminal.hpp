// The terminal that the program was started at.
#pragma once

#include "base/result.hpp"
#include "ctl/terminal.hpp"

namespace holdfast {

class StandardStreams : public ctl::Terminal {
 public:
  void out(std::string_view text) override;
  void err(std::string_view text) override;
  std::optional<std::string> ask(std::string_view question) override;
  std::optional<std::string> ask_secret(std::string_view question) override;
  std::string read_all() override;
  bool is_screen() const override;
};

// Lets the person edit `text` with $EDITOR, editor or vi, in a file that only they can read. Returns what it
// is then.
base::Result<std::string> edit_text(const std::string& name, const std::string& text);

}  // namespace holdfast
