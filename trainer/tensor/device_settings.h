// How a GPU computes in fp32 and chooses convolutions: settings of the whole
// process, made once before the model is loaded.
#pragma once

#include <string>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct DeviceSettings {
  // Matrix products and convolutions of fp32 numbers may drop to TF32, 10 of 23
  // digits.
  bool allow_tf32 = true;
  // cuDNN tries its convolutions on the first input of each shape, which is
  // that of a bucket, and keeps the fastest.
  bool cudnn_benchmark = true;
};

// Makes the settings; says what they are, for people and for the record of the
// run. Empty on the CPU, where nothing is set: results there depend on neither.
// Threads: before any operator runs on the device.
std::string ApplyDeviceSettings(const DeviceSettings& settings,
                                torch::Device device);

}  // namespace atelier::trainer
