#include "trainer/tensor/process_memory.h"

#include <fstream>
#include <sstream>
#include <string>

namespace atelier::trainer {

ProcessMemory ReadProcessMemory() {
  constexpr int64_t kKibibyte = 1024;
  ProcessMemory memory;
  std::ifstream file("/proc/self/status");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string key;
    int64_t kibibytes = 0;
    words >> key >> kibibytes;
    if (key == "VmRSS:") memory.resident_bytes = kibibytes * kKibibyte;
    if (key == "VmHWM:") memory.peak_resident_bytes = kibibytes * kKibibyte;
  }
  return memory;
}

}  // namespace atelier::trainer
