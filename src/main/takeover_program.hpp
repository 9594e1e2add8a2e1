// holdfast takeover: exchanges the agent of this node for the other kind, while its PostgreSQL goes on.
#pragma once

namespace holdfast {

// argv[0] is the first argument after `takeover`. Returns the exit status.
int run_takeover(int argc, char** argv);

}  // namespace holdfast
