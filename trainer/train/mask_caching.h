// Masks of the loss for cached latents, read once before training.
#pragma once

#include "absl/status/status.h"

#include "trainer/train/reporter.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

// Reads the mask of every training image into training.masks, where latents are
// cached and an image has a mask; otherwise masks are read with the images.
// Errors: as MaskCache::Make, CANCELLED.
absl::Status CacheMasks(Training& training, Reporter& reporter);

}  // namespace atelier::trainer
