#pragma once

namespace holdfast {

// `holdfast agent NODE.yml`; argv begins after the role. Exit codes: 0 stopped as asked, 1 this node cannot
// take part (the log says why), 2 the command line or the configuration is not usable.
int run_agent(int argc, char** argv);

}  // namespace holdfast
