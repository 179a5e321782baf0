// Which of LibTorch's kernels scaled dot-product attention runs on.
//
// LibTorch picks one for each call among those that are switched on and fit it.
// `sdpa`, and a job that asks for nothing, have all of them on.
// `use_flash_attn` switches cuDNN's off, so that flash attention comes first,
// and leaves the others on for what flash attention cannot do: masks, fp32,
// wide heads.
#pragma once

#include <cstdint>
#include <string>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct AttentionRequest {
  bool use_flash_attn = false;
  bool sdpa = false;  // wins over use_flash_attn
  // What the denoiser's attention is like.
  bool has_mask = false;
  int64_t head_dim = 0;  // 0: not known
  // Of the GPU, major and minor as 10 * major + minor; 0: not known.
  int compute_capability = 0;
};

struct AttentionChoice {
  std::string backend;  // for people: `flash attention`, …
  std::string reason;   // why this one; empty where it is what was asked for
};

// Switches LibTorch's kernels for the whole process and says which one the
// denoiser's attention in `dtype` gets. Threads: before any attention runs.
AttentionChoice ChooseAttention(const AttentionRequest& request,
                                torch::Device device, torch::ScalarType dtype);

}  // namespace atelier::trainer
