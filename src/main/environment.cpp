#include "main/environment.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

extern char** environ;

namespace holdfast {

patroni::Environment process_environment() {
  patroni::Environment variables;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
  }
  return variables;
}

base::Result<std::string> read_text_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  if (file && text << file.rdbuf()) return text.str();
  return base::fail(base::ErrorKind::invalid, "{} cannot be read: {}", path,
                    errno != 0 ? std::strerror(errno) : "it is empty or no file");
}

}  // namespace holdfast
