// Lumina Image 2 as the training loop sees it: the functions of its row in the
// registry.
#pragma once

#include <vector>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/lumina2/config.h"

namespace atelier::trainer::lumina2 {

// Reads the transformer from a single file in the original layout, with or
// without `model.diffusion_model.`, or from a Diffusers folder or the folder of
// its transformer; Gemma 2 and the autoencoder from the files of the options
// gemma2 and ae, or from the main checkpoint. As Architecture::load; only the
// transformer is trained, and of it not `norm_final.weight`, which nothing
// reads.
//
// Errors: INVALID_ARGUMENT for a checkpoint of another kind (saying which), for
// names and shapes that do not fit (naming them), for parts that do not fit
// each other and for captions that would be too long; NOT_FOUND for parts and
// tokenizers that are nowhere; DATA_LOSS for weights that are not finite.
absl::StatusOr<Model> Load(const ModelSources& sources,
                           const ModelOptions& options);

// As Architecture::caption_lengths: Gemma 2's.
absl::StatusOr<std::vector<CaptionLength>> CaptionLengths(
    const ModelSources& sources, const ModelOptions& options);

}  // namespace atelier::trainer::lumina2
