// What Patroni answers where it has no words of its own: the page that Python's http.server makes of a
// status.
#pragma once

#include <string>

namespace holdfast::patroni {

inline constexpr auto kErrorPageType = "text/html;charset=utf-8";

// `message` stands for the status' usual phrase where it is not empty.
std::string error_page(int status, std::string message = {});

}  // namespace holdfast::patroni
