// postmaster.pid: what a server writes about itself into its data directory.
// https://www.postgresql.org/docs/15/storage-file-layout.html
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::pg {

struct PostmasterFile {
  enum class Status { unknown, starting, stopping, ready, standby };

  int pid = 0;                      // negative: of a single-user server
  Status status = Status::unknown;  // standby: in recovery, and takes no connections
};

// Absent when there is not even a pid: the file is being written.
std::optional<PostmasterFile> parse_postmaster_file(std::string_view text);

}  // namespace holdfast::pg
