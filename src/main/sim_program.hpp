// holdfast sim: runs the simulation and tells what it found.
#pragma once

namespace holdfast {

int run_sim(int argc, char** argv);

}  // namespace holdfast
