// Writes what torch.load reads: a zip archive with the pickle of a dictionary
// of tensors. The archive is LibTorch's own; the pickle has no call but
// torch._utils._rebuild_tensor_v2, so that weights_only loads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/safetensors_writer.h"

namespace atelier::trainer {

// What a `.ckpt` says beside its `state_dict`.
struct CkptProgress {
  int64_t epoch = 0;
  int64_t global_step = 0;
};

// With `progress`: {"state_dict": {name: tensor}, "epoch": …, "global_step":
// …}; without: {name: tensor}. Tensors are copied to the host and converted one
// at a time.
//
// Blocks: until the file is on disk. Errors: as WriteSafetensors.
absl::StatusOr<SavedFile> WriteTorchSave(
    const std::string& path, const std::vector<TensorToSave>& tensors,
    const std::optional<CkptProgress>& progress = {});

}  // namespace atelier::trainer
