// Outputs of text encoders for one caption on disk.
//
//   FOLDER/DIGEST.safetensors     tensors `0`, `1`, … of one caption; their
//                                 places, undefined ones too, are counted in
//                                 the metadata
//
// DIGEST covers the caption's bytes and everything else that the outputs depend
// on, so an entry cannot go stale.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/fixed_captions.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// `encoders`: digest of the encoders and of the options they read.
std::string TextFilePath(const FixedCaption& caption,
                         const std::string& encoders);

// Rows [1, ...] in their places. Errors: NOT_FOUND where there is none;
// DATA_LOSS and those of OpenCheckpoint for one that is damaged, naming it.
absl::StatusOr<std::vector<Tensor>> ReadTextFile(const std::string& path,
                                                 const std::string& text);

// Makes the folder on demand; the file appears whole. Errors: as
// WriteSafetensors.
absl::Status WriteTextFile(const std::string& path, const std::string& text,
                           const std::vector<Tensor>& rows);

}  // namespace atelier::trainer
