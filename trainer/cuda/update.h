// Optimizer updates of many tensors in few launches.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "trainer/optim/element/element_update.h"

namespace atelier::trainer {

// Launches on `stream` of the current device and returns at once.
//
// Errors: what the CUDA runtime says of the launches.
cudaError_t LaunchUpdates(const ElementUpdate* updates, int64_t count,
                          cudaStream_t stream);

}  // namespace atelier::trainer
