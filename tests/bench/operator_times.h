// The time spent in each operator of LibTorch itself, without what it called.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace atelier::trainer {

struct OperatorTime {
  double seconds = 0;
  int64_t calls = 0;
};

// Counts every operator of every thread from the next call of
// BeginOperatorTimes on. Threads: any.
void RecordOperatorTimes();
void BeginOperatorTimes();

// The longest first.
std::vector<std::pair<std::string, OperatorTime>> OperatorTimes();

}  // namespace atelier::trainer
