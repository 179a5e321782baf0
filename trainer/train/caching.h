// What is encoded once before training, where the job asks for it; the encoders
// leave the device's memory afterwards.
#pragma once

#include "absl/status/status.h"

#include "trainer/train/reporter.h"
#include "trainer/train/setup.h"

namespace atelier::trainer {

// Encodes every image into training.latents. Errors: as LatentCache::Make,
// CANCELLED.
absl::Status CacheLatents(Training& training, Reporter& reporter);

// Encodes every caption with the text encoders that are not trained into
// training.texts. Errors: as TextCache::Make and FixedCaptions, CANCELLED;
// INVALID_ARGUMENT for options that exclude it.
absl::Status CacheTexts(Training& training, Reporter& reporter);

// Frees the text encoders whose outputs are cached. Previews must have encoded
// their prompts before.
void ReleaseTextEncoders(Training& training);

}  // namespace atelier::trainer
