// What a device's allocator says about its memory, and asking it to give back
// what it keeps for later.
//
// Through LibTorch's device-independent allocators, so it serves CUDA where its
// library is loaded, and any other device whose allocator keeps statistics.
#pragma once

#include <cstdint>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct DeviceMemory {
  int64_t live_bytes = 0;      // of tensors
  int64_t peak_bytes = 0;      // of tensors, since DevicePeaks::Begin
  int64_t reserved_bytes = 0;  // of tensors, and kept for later ones
};

// Zeros for the CPU and for devices without statistics. Blocks: never.
DeviceMemory ReadDeviceMemory(torch::Device device);

// The most that tensors held since a point in time. One of these a device,
// since the allocator's own peak begins anew with it.
class DevicePeaks {
 public:
  explicit DevicePeaks(torch::Device device) : device_(device) {}

  // Begins anew; what was highest before is remembered.
  void Begin();
  int64_t since_begin_bytes() const;
  int64_t ever_bytes() const;

 private:
  torch::Device device_;
  int64_t before_ = 0;
};

// Gives what no tensor uses back to the driver. Blocks: until the device has
// finished.
void EmptyDeviceCache(torch::Device device);

}  // namespace atelier::trainer
