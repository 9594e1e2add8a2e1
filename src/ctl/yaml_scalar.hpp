// A text as a YAML scalar, in the style that PyYAML's safe_dump(width=200, allow_unicode=True) chooses for
// it. https://pyyaml.org/wiki/PyYAMLDocumentation
#pragma once

#include <cstddef>
#include <string>

#include "ctl/yaml_text.hpp"

namespace holdfast::ctl {

// Where a scalar stands: the column it begins at, and the one that its further lines begin at.
struct ScalarPlace {
  std::size_t column = 0;
  std::size_t indent = 0;
};

// `place` absent: on one line, as keys and everything in flow layout.
std::string yaml_scalar(const std::string& text, YamlLayout layout, const ScalarPlace* place = nullptr);

}  // namespace holdfast::ctl
