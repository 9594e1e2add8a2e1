// The policy: one list of rules, in order of precedence. The first that answers decides.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ha/decision.hpp"
#include "ha/situation.hpp"

namespace holdfast::ha {

// What a rule says when it applies.
struct Proposal {
  Action action;
  std::string reason;    // carries the numbers
  bool warning = false;  // people should know it
};

struct Rule {
  std::string_view id;       // "group.what": never changes once released
  std::string_view summary;  // one sentence, as in docs/policy.md
  std::optional<Proposal> (*applies)(const Situation&);

  std::string_view group() const { return id.substr(0, id.find('.')); }
};

// The whole table. The last rule always answers.
std::span<const Rule> rules();

Decision decide(const Situation& situation, std::span<const Rule> table = rules());

// docs/policy.md, generated from the table.
std::string policy_document();

}  // namespace holdfast::ha
