// What a run needs to go on as if it had never stopped.
//
//   NAME-state/
//     state.json               counters, seed, digest of the options, and
//                              whatever else is asked
//     model.safetensors        the trained weights
//     optimizer.safetensors    the optimizer's state, where it has one
//     ema.safetensors          moving averages, where they are kept
//     manifest.json            size and SHA-256 of each, written last
//
// The folder appears whole (AtomicFolder); one without a manifest that fits is
// not used.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct TrainingProgress {
  int64_t step = 0;               // optimizer steps done
  int64_t epoch = 0;              // epochs finished
  int64_t position_in_epoch = 0;  // micro-batches done of the current one
  uint64_t seed = 0;
  // Of the options that decide what is computed; a run with other options does
  // not go on from here.
  std::string options_digest;
  // Loss scale and its growth counter, smoothed loss, learning-rate schedule, …
  nlohmann::json extra = nlohmann::json::object();
};

struct TrainingState {
  TrainingProgress progress;
  std::map<std::string, Tensor> model;      // as they are in memory (fp32)
  std::map<std::string, Tensor> optimizer;  // Optimizer::State()
  std::map<std::string, Tensor> ema;        // Ema::State()
};

// Returns the folder's size in bytes. A state of this name is replaced, and
// stays whole until then.
//
// Blocks: until all is on disk. Errors: as WriteSafetensors and AtomicFolder.
absl::StatusOr<int64_t> WriteTrainingState(const std::string& path,
                                           const TrainingState& state);

// Checks that every file is there with the size and digest of the manifest.
// Reads all of it.
//
// Errors: NOT_FOUND for a missing folder or manifest, DATA_LOSS naming the file
// that differs.
absl::Status VerifyTrainingState(const std::string& path);

// Reads a state that was verified. Tensors are copies in host memory.
//
// Errors: NOT_FOUND, DATA_LOSS, and FAILED_PRECONDITION for a format version
// that is not ours.
absl::StatusOr<TrainingState> ReadTrainingState(const std::string& path);
absl::StatusOr<TrainingProgress> ReadTrainingProgress(const std::string& path);

struct NewestState {
  std::optional<std::string> path;  // nothing where there is no usable one
  std::vector<std::string>
      skipped;  // why newer ones were not taken, a sentence each
};

// The folder `*-state` in `output_dir` with the highest step that is complete
// and verified.
NewestState FindNewestState(const std::string& output_dir);

}  // namespace atelier::trainer
