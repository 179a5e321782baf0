// Stable Diffusion 3 and 3.5 as the training loop sees them: the functions of
// their row in the registry.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/sd3/config.h"

namespace atelier::trainer::sd3 {

// Reads a single file (with or without autoencoder and text encoders), a file
// of the transformer alone or a Diffusers folder, and the components `vae`,
// `clip_l`, `clip_g` and `t5xxl`. As Architecture::load.
//
// A checkpoint that has both CLIP encoders inside but no T5 is loaded without
// it, with a warning, unless `t5xxl` is given.
//
// Errors: INVALID_ARGUMENT for a checkpoint of another kind (saying which), for
// names, shapes and widths that do not fit (naming them) and for options that
// the model cannot follow; NOT_FOUND for components and tokenizer files that
// are nowhere; DATA_LOSS for weights that are not finite.
absl::StatusOr<Model> Load(const ModelSources& sources,
                           const ModelOptions& options);

// As Architecture::export_files. The main file has the transformer under
// `model.diffusion_model.`, the autoencoder under `first_stage_model.` and the
// text encoders that the source had inside. Every trained text encoder has a
// file of its own too, `_clip_l`, `_clip_g` or `_t5xxl`, in the names of its
// Hugging Face checkpoint.
std::vector<ExportedFile> ExportFiles(const Model& model,
                                      const std::set<std::string>& trained);

// As Architecture::caption_lengths: that of both CLIPs and T5's.
absl::StatusOr<std::vector<CaptionLength>> CaptionLengths(
    const ModelSources& sources, const ModelOptions& options);

}  // namespace atelier::trainer::sd3
