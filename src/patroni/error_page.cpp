#include "patroni/error_page.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>

namespace holdfast::patroni {
namespace {

struct Phrase {
  int status;
  std::string_view message, explanation;
};

// https://docs.python.org/3/library/http.html#http-status-codes
constexpr Phrase kPhrases[] = {
    {400, "Bad Request", "Bad request syntax or unsupported method"},
    {409, "Conflict", "Request conflict"},
    {411, "Length Required", "Client must specify Content-Length"},
    {501, "Not Implemented", "Server does not support this operation"},
    {502, "Bad Gateway", "Invalid responses from another server/proxy"},
    {503, "Service Unavailable", "The server cannot process the request due to a high load"},
};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string error_page(int status, std::string message) {
  const auto* phrase = std::ranges::find(kPhrases, status, &Phrase::status);
  const bool known = phrase != std::end(kPhrases);
  if (message.empty()) message = known ? phrase->message : "???";
  return fmt::format(R"(<!DOCTYPE HTML>
<html lang="en">
    <head>
        <meta charset="utf-8">
        <title>Error response</title>
    </head>
    <body>
        <h1>Error response</h1>
        <p>Error code: {0}</p>
        <p>Message: {1}.</p>
        <p>Error code explanation: {0} - {2}.</p>
    </body>
</html>
)",
                     status, escaped(message), known ? phrase->explanation : "???");
}

}  // namespace holdfast::patroni
