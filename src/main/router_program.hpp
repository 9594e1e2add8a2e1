// `holdfast router router.yml`
#pragma once

#include <string>

namespace holdfast {

// Routes until SIGTERM or SIGINT. The process's exit status: 0 stopped, 1 cannot start, 2 bad configuration.
int run_router(const std::string& config_path);

}  // namespace holdfast
