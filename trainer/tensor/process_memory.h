// How much memory this process uses, from the kernel.
#pragma once

#include <cstdint>

namespace atelier::trainer {

struct ProcessMemory {
  int64_t resident_bytes = 0;
  int64_t peak_resident_bytes = 0;  // since the process started
};

// Mapped files count as far as their pages are resident. Zeros where /proc
// cannot be read.
ProcessMemory ReadProcessMemory();

}  // namespace atelier::trainer
