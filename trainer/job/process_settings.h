// What the process must be told before its libraries start: a training step
// takes and gives back the same gigabytes as the one before, and shares its
// cores with other programs.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <climits>

namespace atelier::trainer {

// Memory: large blocks come from a heap that is never cut back, on huge pages;
// else every page is faulted in anew in each step. 25,000 spins (some 20
// microseconds) before a waiting thread sleeps: with libgomp's default a step
// takes ten times as long whenever another program has the core.
inline constexpr char kMallocSettings[] =
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:"
    "glibc.malloc.trim_threshold=4611686018427387904:"
    "glibc.malloc.top_pad=67108864:glibc.malloc.arena_max=1";
inline constexpr char kSpinCount[] = "25000";

// Starts the program anew, once, with these settings in its environment, where
// they are not there and the environment does not say otherwise; process id and
// arguments stay. Returns where nothing is to be done or it cannot be. Threads:
// call it first in main.
inline void SettleProcess(char** argv) {
  bool changed = false;
  if (getenv("GLIBC_TUNABLES") == nullptr) {
    changed = setenv("GLIBC_TUNABLES", kMallocSettings, 1) == 0;
  }
  if (getenv("OMP_WAIT_POLICY") == nullptr &&
      getenv("GOMP_SPINCOUNT") == nullptr) {
    changed = setenv("GOMP_SPINCOUNT", kSpinCount, 1) == 0 || changed;
  }
  if (!changed) return;
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
  if (size <= 0) return;
  path[size] = '\0';
  execv(path, argv);
}

}  // namespace atelier::trainer
