// DIR.log: where the postmaster's output goes that no logging collector takes, above all why it does not
// start.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "system/files.hpp"

namespace holdfast::postgres {

// These block for a moment.
class ServerLog {
 public:
  // Opens the file for appending; one that has grown large is renamed to DIR.log.1 first.
  static base::Result<ServerLog> open(const std::string& path, system::Owner owner);

  int descriptor() const { return file_.get(); }
  // The last lines written since it was opened.
  std::string last_lines() const;

 private:
  ServerLog(std::string path, system::Fd file, std::uint64_t from)
      : path_(std::move(path)), file_(std::move(file)), from_(from) {}

  std::string path_;
  system::Fd file_;
  std::uint64_t from_;
};

}  // namespace holdfast::postgres
