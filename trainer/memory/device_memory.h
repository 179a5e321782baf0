// What a device's allocator says about its memory, and asking it to give back
// what it keeps for later.
//
// Through LibTorch's device-independent allocators, so it serves CUDA where its
// library is loaded, and any other device whose allocator keeps statistics.
#pragma once

#include <cstdint>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The most that tensors held since a point in time; 0 on the CPU and on devices
// without statistics. One of these a device, since the allocator's own peak
// begins anew with it. Blocks: never.
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
