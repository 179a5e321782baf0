// What a shim knows of processes.
#pragma once

#include <sys/types.h>

namespace atelier::shim {

// Start time in clock ticks since boot; with the boot id and the pid it names a
// process for good. 0: no such process.
unsigned long long StartTicks(pid_t pid);

// Sends SIGKILL to every child of this process. As its subreaper it becomes the
// parent of orphaned grandchildren, so calling this until none is left ends the
// whole tree.
void KillChildren();

}  // namespace atelier::shim
