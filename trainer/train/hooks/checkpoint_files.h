// A checkpoint's files in the form that save_model_as asks for.
//
//   safetensors              NAME.safetensors, and NAME_clip_l.safetensors and
//                            so on for text encoders that stand beside it
//   ckpt                     NAME.ckpt: torch.save of {"state_dict": …}
//   diffusers,               NAME/: model_index.json and a folder for each
//   diffusers_safetensors    component, weights as .bin or .safetensors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/train/progress.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

struct CheckpointFile {
  std::string path;  // relative to the output folder
  int64_t size_bytes = 0;
  std::string sha256;
};

struct WrittenCheckpoint {
  // The names that retention removes later: files, or one folder.
  std::vector<std::string> entries;
  std::vector<CheckpointFile> files;
};

// What WriteCheckpoint would name the entries of `name`.
std::vector<std::string> CheckpointEntries(const Training& training,
                                           const std::string& name);

// Each file, or the folder, appears whole or not at all. Weights are checked
// first: those that are not finite, or that save_precision cannot hold, are an
// error that names them, and nothing is written.
//
// Errors: OUT_OF_RANGE, INVALID_ARGUMENT, and those of files.
absl::StatusOr<WrittenCheckpoint> WriteCheckpoint(const Training& training,
                                                  const Progress& progress,
                                                  const std::string& output_dir,
                                                  const std::string& name);

// The form for this training: save_model_as, or that of the source.
// Errors: INVALID_ARGUMENT for a form that the architecture does not have.
absl::StatusOr<std::string> ChooseCheckpointForm(const Training& training);

}  // namespace atelier::trainer
