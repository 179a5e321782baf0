// Memory that a plan counts and that is not there: its tensors have shapes and
// a device, and no numbers. Whoever reads or writes a tensor's memory by its
// address asks HasContents first.
#pragma once

#include <cstdint>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The device that is planned for; the CPU is the host.
inline constexpr auto kPlannedType = c10::DeviceType::PrivateUse1;

// What all planned tensors of the process hold. Threads: any, one plan at a
// time.
struct PlannedBytes {
  int64_t device = 0;
  int64_t host = 0;
};
PlannedBytes LivePlannedBytes();
// The most since the last ResetPlannedPeak, of each for itself.
PlannedBytes PeakPlannedBytes();
void ResetPlannedPeak();

enum class PlannedKind {
  kCounted,
  kMapped,  // pages of a file: not counted
};

// `bytes` on this device, the CPU being the host. Addresses are of pages that
// cannot be read or written.
c10::DataPtr PlanMemoryOf(size_t bytes, c10::Device device,
                          PlannedKind kind = PlannedKind::kCounted);

// Dense, of planned memory.
Tensor PlannedTensor(at::IntArrayRef shape, torch::ScalarType type,
                     c10::Device device,
                     PlannedKind kind = PlannedKind::kCounted);

// False for planned tensors.
bool HasContents(const Tensor& tensor);

}  // namespace atelier::trainer
