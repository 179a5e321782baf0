// Reads what Stable Diffusion 1, 2 and XL have in common: everything but how
// captions become conditioning.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/components/clip_tokenizer_files.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/ldm_unet/family.h"
#include "trainer/text/clip_tokenizer.h"

namespace atelier::trainer {

struct LoadedLdm {
  Model model;                                         // without conditioner
  std::vector<std::shared_ptr<ClipTextEncoder>> text;  // as in the family
  std::unique_ptr<ClipTokenizer> tokenizer;
  ClipTokenizerFiles tokenizer_files;
};

// `sources.main` is a single file or a Diffusers folder. Every parameter of the
// U-Net and the text encoders may be trained.
//
// A Diffusers folder lacks the layers at the end of a text encoder that nothing
// runs. What is saved gets a copy of the last layer for each, so that programs
// which count on them, this one among them, run the right layers.
//
// Errors: INVALID_ARGUMENT for a checkpoint that is not of the family, saying
// what it seems to be, for models for inpainting, for names and shapes that
// do not fit (naming them) and for sizes that cannot work; NOT_FOUND for parts
// that are missing and without tokenizer files; DATA_LOSS for weights that are
// not finite.
absl::StatusOr<LoadedLdm> LoadLdm(const ModelSources& sources,
                                  const ModelOptions& options,
                                  const LdmFamily& family);

}  // namespace atelier::trainer
