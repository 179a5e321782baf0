// What is fixed for Stable Diffusion XL, and how its checkpoints are known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "trainer/architectures/ldm_unet/family.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::sdxl {

// Where the text encoders stand in the original single file.
inline constexpr char kClipLPrefix[] = "conditioner.embedders.0.transformer.";
inline constexpr char kClipGPrefix[] = "conditioner.embedders.1.model.";

inline constexpr int64_t kClipGPad = 0;  // `!`

// Three levels, transformers in the lower two, heads 64 wide, a vector of the
// pooled caption and the sizes; CLIP ViT-L and OpenCLIP ViT-bigG.
const LdmFamily& Family();

// For both layouts: a U-Net of this family with a label vector, and both text
// encoders.
std::optional<std::string> Detect(const TensorIndex& index);
// The refiner: the same kind of U-Net with the second text encoder alone.
bool IsRefiner(const TensorIndex& index);

// Values that block_lr needs.
inline constexpr int kBlocks = 23;
// As Architecture::block_of: 0 the embeddings, 1 to 9 the input blocks, 10 to
// 12 the middle, 13 to 21 the output blocks, 22 the last convolution.
std::optional<int> BlockOf(std::string_view parameter);

}  // namespace atelier::trainer::sdxl
