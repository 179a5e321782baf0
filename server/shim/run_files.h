// The files that a shim leaves in its run folder, for a daemon that may not be
// there when they are written.
//
//   shim.json    who supervises: {"pid", "start_ticks"}. Made with link(2), so
//                whoever comes first (the shim, or a daemon that gave up on it)
//                decides whether the worker starts at all.
//   worker.json  who trains: the same of the worker, there before its first
//                instruction.
//   exit.json    how the worker ended.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <ctime>

namespace atelier::shim {

// How a worker ended.
struct WorkerExit {
  pid_t pid = 0;
  // As waitpid gave it.
  int wait_status = 0;
  rusage usage = {};
  timespec start = {};
  timespec end = {};
};

// Puts shim.json into the current folder. False with errno set when it cannot;
// EEXIST: the daemon has withdrawn this start.
bool ClaimRunFolder();

// Puts worker.json into the current folder. False with errno set when it
// cannot.
bool WriteWorkerFile(pid_t worker);

// Puts exit.json into the current folder, durable before it returns. False with
// errno set when it cannot.
bool WriteExitFile(const WorkerExit& worker_exit);

}  // namespace atelier::shim
