// holdfast list, topology, switchover, ...: the CLI on the real world.
#pragma once

#include <string_view>

namespace holdfast {

// Whether `holdfast WORD` is a command of the CLI.
bool is_ctl_command(std::string_view word);

// argv[0] is the program's name, as main got it; as `patronictl` it has that program's manners. Returns the
// exit status.
int run_ctl(int argc, char** argv, bool as_patronictl);

}  // namespace holdfast
