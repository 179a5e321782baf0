// Pictures with text in them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/atomic_file.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// One piece of PNG metadata: a tEXt chunk, or an iTXt one where the text is not
// Latin-1.
struct PngText {
  std::string keyword;  // 1 to 79 ASCII characters
  std::string text;     // UTF-8
};

// Shapes: image [3, H, W] in [-1, 1], clamped. Errors: as WriteFileAtomically;
// INTERNAL when the image cannot be encoded.
absl::StatusOr<SavedFile> WritePng(const std::string& path, const Tensor& image,
                                   const std::vector<PngText>& texts);

}  // namespace atelier::trainer
