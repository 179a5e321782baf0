// Writes safetensors files, atomically and with a digest.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/atomic_file.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct TensorToSave {
  std::string name;
  Tensor tensor;  // of any device, strides and type
  // The type in the file; the tensor's own unless it is floating-point and this
  // says otherwise.
  torch::ScalarType dtype = torch::kFloat32;
};

// Tensors stand in the file by element size, then name, so that each is
// aligned; they are copied to the host and converted one at a time, so memory
// grows by the largest only.
//
// Blocks: until the file is on disk. Errors: INVALID_ARGUMENT for a name that
// stands twice and, naming the tensor, for finite values that the type in the
// file cannot hold; RESOURCE_EXHAUSTED for a full disk, PERMISSION_DENIED and
// so on, naming the file. After an error an older file of this name is as it
// was, and nothing new is left.
absl::StatusOr<SavedFile> WriteSafetensors(
    const std::string& path, std::vector<TensorToSave> tensors,
    const std::map<std::string, std::string>& metadata);

// Each tensor in its own type.
absl::StatusOr<SavedFile> WriteSafetensors(
    const std::string& path, const std::map<std::string, Tensor>& tensors,
    const std::map<std::string, std::string>& metadata = {});

// A tensor that is made when its turn to be written comes, for files larger
// than memory.
struct TensorToMake {
  std::string name;
  std::vector<int64_t> shape;
  torch::ScalarType dtype = torch::kFloat32;     // in the file
  std::function<absl::StatusOr<Tensor>()> make;  // of this shape
};
absl::StatusOr<SavedFile> WriteSafetensorsLazily(
    const std::string& path, std::vector<TensorToMake> tensors,
    const std::map<std::string, std::string>& metadata);

}  // namespace atelier::trainer
