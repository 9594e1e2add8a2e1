// Base64 with padding, as JSON carries bytes. https://www.rfc-editor.org/rfc/rfc4648#section-4
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::base {

std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);  // nothing if it is malformed

}  // namespace holdfast::base
