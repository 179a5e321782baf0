// Brings the CUDA side of the trainer into the process, when a job asks for a
// GPU.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/cuda/cuda_api.h"
#include "trainer/tensor/device.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Where libatelier_cuda.so is looked for, best first: the file in
// ATELIER_CUDA_LIBRARY alone where it is set, else beside the program and in
// ../lib from there.
std::vector<std::string> CudaLibraryPaths();

// Loads the library once, which also registers LibTorch's CUDA operators.
// Blocks: seconds, at first. Threads: any.
//
// Errors: FAILED_PRECONDITION saying what is missing and what to do: the
// library (built without CUDA), the NVIDIA driver, one of NVIDIA's libraries,
// or the right version of any.
absl::StatusOr<const CudaApi*> LoadCuda();

struct OpenedDevice {
  torch::Device device = torch::kCPU;
  // What a person is told: the GPU's name and memory, or why `auto` came to the
  // CPU.
  std::string description;
  // Of the GPU, major and minor as 10 * major + minor; 0: not a GPU.
  int compute_capability = 0;
};

// Errors: as LoadCuda for a GPU that was asked for; INVALID_ARGUMENT for an
// index beyond those that exist. `auto` never fails.
absl::StatusOr<OpenedDevice> OpenDevice(const DeviceRequest& request);

}  // namespace atelier::trainer
