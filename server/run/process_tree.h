// Every process that an attempt started, wherever it went.
//
// The shim and all that comes of it carry ATELIER_RUN_DIR=<run folder> in their
// environment, which survives new sessions, new groups and lost parents. A
// process that wipes its environment escapes; control groups close that gap
// where they are available.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "server/jobs/job.h"

namespace atelier::server {

constexpr char kRunDirVariable[] = "ATELIER_RUN_DIR";

// A pidfd of the process, only if it is still the one that was written down.
// -1: it is gone. Owns: the caller closes it.
int OpenProcess(const ProcessId& process);

// Start time of a process in clock ticks since boot; 0: no such process.
uint64_t StartTicks(pid_t pid);

// Of the machine's present boot; empty where the kernel does not tell.
std::string BootId();

// Sends SIGKILL to every process of the run folder, but for `spared`, until
// none is left. Returns false when some remain after many tries: processes that
// the kernel cannot end yet.
bool KillProcessTree(const std::string& run_dir, pid_t spared = 0);

}  // namespace atelier::server
