// What is fixed for Stable Diffusion 2.x, and how its checkpoints are known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/architectures/ldm_unet/family.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::sd2 {

// Where the text encoder stands in the original single file.
inline constexpr char kTextPrefix[] = "cond_stage_model.model.";

inline constexpr int64_t kPadId = 0;  // `!`

// Four levels, transformers in the upper three, heads 64 wide; OpenCLIP ViT-H,
// whose last layer is not run.
const LdmFamily& Family();

// For both layouts: a U-Net of this family that takes no label vector and
// projects into its transformers by linear layers.
std::optional<std::string> Detect(const TensorIndex& index);

}  // namespace atelier::trainer::sd2
