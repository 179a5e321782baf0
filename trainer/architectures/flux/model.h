// FLUX.1 as the training loop sees it: the functions of its row in the
// registry.
#pragma once

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/flux/config.h"

namespace atelier::trainer::flux {

// Reads the transformer from a single file in the original layout, with or
// without `model.diffusion_model.`, or from a Diffusers folder or the folder of
// its transformer; CLIP-L, T5 and the autoencoder from the files of the options
// clip_l, t5xxl and ae, or from the main checkpoint. As Architecture::load;
// only the transformer is trained.
//
// Errors: INVALID_ARGUMENT for a checkpoint of another kind (saying which), for
// names and shapes that do not fit (naming them) and for parts that do not fit
// each other; NOT_FOUND for parts and tokenizer files that are nowhere;
// DATA_LOSS for weights that are not finite.
absl::StatusOr<Model> Load(const ModelSources& sources,
                           const ModelOptions& options);

// As Architecture::caption_lengths: CLIP-L's and T5's, the latter as for a dev
// model where it is not given.
absl::StatusOr<std::vector<CaptionLength>> CaptionLengths(
    const ModelSources& sources, const ModelOptions& options);

}  // namespace atelier::trainer::flux
