// The status page, web/status.html, put into the program when it is built.
#pragma once

#include <string_view>

namespace holdfast::router {

extern const std::string_view kStatusPage;

}  // namespace holdfast::router
