// Lengths of captions for the tokenizers that several architectures share.
#pragma once

#include <vector>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/caption_length.h"
#include "trainer/text/clip_prompt.h"

namespace atelier::trainer {

// CLIP's, of `limit` pieces: 75 in each row of a caption.
absl::StatusOr<CaptionLength> ClipCaptionLength(const ModelOptions& options,
                                                int64_t limit);

// T5's: t5xxl_max_token_length, or `usual_length` where that is not given, one
// of which is the end.
absl::StatusOr<CaptionLength> T5CaptionLength(const ModelSources& sources,
                                              const ModelOptions& options,
                                              int64_t usual_length);

// Those of a model with CLIP encoders alone: max_token_length. As
// Architecture::caption_lengths.
absl::StatusOr<std::vector<CaptionLength>> ClipCaptionLengths(
    const ModelSources& sources, const ModelOptions& options);

}  // namespace atelier::trainer
