// What is fixed for Stable Diffusion 1.x, and how its checkpoints are known.
#pragma once

#include <optional>
#include <string>

#include "trainer/architectures/ldm_unet/config.h"
#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::sd1 {

// Where the parts stand in the original single file.
inline constexpr char kUnetPrefix[] = "model.diffusion_model.";
inline constexpr char kVaePrefix[] = "first_stage_model.";
inline constexpr char kTextPrefix[] = "cond_stage_model.transformer.";

// Four levels, transformers in the upper three, 8 heads everywhere.
const LdmUnetFamily& UnetFamily();

// As published in the original v1-inference.yaml.
inline constexpr LatentScaling kLatentScaling = {0.18215, 0};

bool IsDiffusersFolder(const TensorIndex& index);

// For both layouts: a U-Net of this family that takes no label vector and
// projects into its transformers by convolutions, which Stable Diffusion 2 and
// XL do not.
std::optional<std::string> Detect(const TensorIndex& index);

}  // namespace atelier::trainer::sd1
