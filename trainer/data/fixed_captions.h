// The captions of a dataset whose encoders' outputs can be cached, and the
// files that can hold them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/dataset_index.h"

namespace atelier::trainer {

// An image whose caption is encoded as it was written.
struct CaptionedFile {
  std::string image;         // its path
  std::string caption_file;  // that the caption was read from; empty: none
};

// A caption as the encoders will see it.
struct FixedCaption {
  std::string text;
  std::string folder;  // `.atelier_text` beside the first image that has it
  // Images beside which sd-scripts keeps outputs for this text.
  std::vector<CaptionedFile> images = {};
};

// Every caption that training on this dataset can ask for, each once; the empty
// one is among them where captions are dropped.
//
// Errors: INVALID_ARGUMENT naming the subset and the option that makes its
// captions change from step to step.
absl::StatusOr<std::vector<FixedCaption>> FixedCaptions(
    const DatasetIndex& index);

}  // namespace atelier::trainer
