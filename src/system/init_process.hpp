// Process 1, as the first program of a container is: the kernel gives it every orphan to bury.
#pragma once

namespace holdfast::system {

// Where this program is process 1, a child of it goes on from here. Process 1 stays behind: it passes signals
// on, buries orphans (the backends of a postmaster that died, say; as zombies they would fill the process
// table), and ends as the child does. Elsewhere nothing happens. To be called before there are threads.
void leave_process_one();

}  // namespace holdfast::system
