// Transcripts: stories of several ticks that a DBA can read, and that the policy must tell the same way.
//
//     # The replica with the newest WAL takes over when the leader key expires.
//     me b    members a, b, c    leader none    postgres standby 0/3000060 of a
//     tick                      -> race.poll_peers  "no leader; 3 members to ask"
//     peers a gone, c 0/3000000
//     tick                      -> race.acquire_key  "standby at 0/3000060 on timeline 1"
//
// A line is a comment, directives with two or more spaces between them, or a tick. A directive says what has
// become true and stays true; the right-hand side of a tick says which rule decides and why, and is rewritten
// when HOLDFAST_UPDATE=1 is set. README.md beside this file lists the directives.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::policy_tests {

struct Complaint {
  int line = 0;
  std::string text;
};

struct Telling {
  std::string text;                   // the transcript as the policy tells it
  std::vector<Complaint> complaints;  // where that differs from what was written, or what cannot be read
  bool readable = true;               // false: stopped at a line that cannot be read
};

Telling tell(std::string_view transcript);

// The ids of the rules on the right-hand sides.
std::vector<std::string> rules_named(std::string_view transcript);

}  // namespace holdfast::policy_tests
