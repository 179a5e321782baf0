// What is fixed for Stable Diffusion 1.x, and how its checkpoints are known.
#pragma once

#include <optional>
#include <string>

#include "trainer/architectures/ldm_unet/family.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::sd1 {

// Where the text encoder stands in the original single file.
inline constexpr char kTextPrefix[] = "cond_stage_model.transformer.";

// Four levels, transformers in the upper three, 8 heads everywhere; CLIP ViT-L.
const LdmFamily& Family();

// For both layouts: a U-Net of this family that takes no label vector and
// projects into its transformers by convolutions, which Stable Diffusion 2 and
// XL do not.
std::optional<std::string> Detect(const TensorIndex& index);

}  // namespace atelier::trainer::sd1
