// usage: only_gateway|only_grpc PORT: one read, then what this process costs while it idles.
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <string>

#include "calls.hpp"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const auto calls = holdfast::bench::TRANSPORT(static_cast<std::uint16_t>(std::atoi(arguments[1])));
  calls->read("/service/");
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS") || line.starts_with("Threads")) fmt::print("  {}\n", line);
}
