// Questions to the person, as Python's click asks them.
#pragma once

#include <optional>
#include <string>

#include "ctl/outcome.hpp"

namespace holdfast::ctl {

// "Question [preset]: ". Without a preset an empty answer is asked again. The end of input aborts.
Outcome<std::string> ask(Session& session, const std::string& question, std::optional<std::string> preset);
// "Question [y/N]: "
Outcome<bool> confirm(Session& session, const std::string& question);

}  // namespace holdfast::ctl
