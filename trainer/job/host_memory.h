// What this process holds in physical memory, from /proc/self/status.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

namespace atelier::trainer {

struct HostMemory {
  int64_t now_bytes = 0;   // VmRSS
  int64_t peak_bytes = 0;  // VmHWM
};

// Zeros where the system does not tell.
inline HostMemory ReadHostMemory() {
  HostMemory memory;
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kib = 0;
  while (status >> word) {
    if (word == "VmHWM:" && status >> kib) memory.peak_bytes = kib * 1024;
    if (word == "VmRSS:" && status >> kib) memory.now_bytes = kib * 1024;
  }
  return memory;
}

}  // namespace atelier::trainer
