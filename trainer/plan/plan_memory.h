// Plans the memory of a job before anything of it is loaded.
//
// The plan comes from the code that trains: model, optimizer and one step of
// the run are carried out on tensors that have shapes and no memory
// (planned_tensor.h), and what they would have held is counted. So there is no
// table of formulas to keep true, and recomputation, swapping and fused updates
// count as they are. Of a checkpoint the header is read, of images their sizes.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/job/memory_plan.h"

namespace atelier::v1 {
class JobSpec;
}

namespace atelier::trainer {

struct PlanRequest {
  std::string tokenizer_dir;
  // Of the device; 0: asked of the one that the job names, where there is one.
  int64_t device_memory_bytes = 0;
  // Free host memory; 0: that of this machine now.
  int64_t host_memory_bytes = 0;
  // Also plan the job with each option that could lower its peak.
  bool suggests = true;
  // Attention that keeps all weights, for devices without kernels that do not.
  bool attention_keeps_weights = false;
};

// Blocks: some seconds, and some more with suggestions. Threads: one at a time.
// The first call of a process must come before its first backward pass on a
// machine without a GPU, as LibTorch starts threads for devices then.
//
// Errors: as those of setting the run up: NOT_FOUND and INVALID_ARGUMENT for a
// checkpoint, a dataset or options that cannot be trained on; INTERNAL for
// anything that LibTorch threw.
absl::StatusOr<MemoryPlan> PlanMemory(const v1::JobSpec& spec,
                                      const PlanRequest& request);

}  // namespace atelier::trainer
