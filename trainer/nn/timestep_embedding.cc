#include "trainer/nn/timestep_embedding.h"

#include <cmath>

namespace atelier::trainer {

Tensor TimestepEmbedding(const Tensor& timesteps, int64_t width,
                         const TimestepEmbeddingOptions& options) {
  const int64_t half = width / 2;
  const auto fp32 =
      torch::TensorOptions().dtype(torch::kFloat32).device(timesteps.device());
  const Tensor exponents =
      torch::arange(half, fp32) *
      (-std::log(options.max_period) /
       (static_cast<double>(half) - options.frequency_shift));
  const Tensor angles = timesteps.to(torch::kFloat32).unsqueeze(1) *
                        exponents.exp().unsqueeze(0);  // [B, half]
  Tensor embedding = options.cos_first
                         ? torch::cat({angles.cos(), angles.sin()}, 1)
                         : torch::cat({angles.sin(), angles.cos()}, 1);
  if (width % 2 == 1) {
    embedding = torch::constant_pad_nd(embedding, {0, 1});
  }
  return embedding;
}

}  // namespace atelier::trainer
