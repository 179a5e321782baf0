// A checkpoint on disk, whatever its form: names, shapes and types at once,
// contents on demand.
//
//   .safetensors, .sft      the file's tensors by their names; memory-mapped
//   .ckpt, .pt, .bin        torch.save zip archives through a restricted
//   unpickler (no code runs);
//                           an outer {"state_dict": …} is taken off
//   folder                  Diffusers: the tensors of each component as
//   `component/name`, for example
//                           `unet/conv_in.weight`; or the folder of one
//                           component, its tensors by their names
//   shards                  through their index, the path of the index itself
//                           or of any of them
//
// A file is recognised by its content, not only by its ending.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct TensorInfo {
  torch::ScalarType dtype = torch::kFloat32;
  std::vector<int64_t> shape;
  int64_t size_bytes = 0;
};

// Names are ordered, so that errors and saved files are too.
using TensorIndex = std::map<std::string, TensorInfo>;

class CheckpointSource {
 public:
  virtual ~CheckpointSource() = default;

  virtual const std::string& path() const = 0;
  virtual const TensorIndex& index() const = 0;
  // The safetensors header's metadata; empty for other forms.
  virtual const std::map<std::string, std::string>& metadata() const = 0;

  // The tensor as stored, on the CPU. It may be a view of the mapped file:
  // never write to it, and keep the source alive while it is used.
  //
  // Errors: NOT_FOUND for an unknown name; DATA_LOSS when the contents cannot
  // be read.
  virtual absl::StatusOr<Tensor> Read(const std::string& name) const = 0;

  // Lower-case hexadecimal SHA-256 over every file of the checkpoint, for the
  // reproducibility record.
  virtual absl::StatusOr<std::string> Digest() const = 0;
};

// Errors: NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT (not a checkpoint,
// malformed, hostile), each naming the file, what was expected and what was
// found.
absl::StatusOr<std::unique_ptr<CheckpointSource>> OpenCheckpoint(
    const std::string& path);

}  // namespace atelier::trainer
