#include "trainer/optim/adamw_kernel.h"

#include <cstring>

namespace atelier::trainer {
namespace {

inline float ToFloat(float value) { return value; }

// bfloat16 is the upper half of a float.
inline float ToFloat(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

template <typename Grad>
void UpdateRange(const AdamWFactors& factors, const AdamWRange& range,
                 const Grad* __restrict grad) {
  float* __restrict weight = range.weight;
  float* __restrict exp_avg = range.exp_avg;
  float* __restrict exp_avg_sq = range.exp_avg_sq;
  for (int64_t i = range.begin; i < range.end; ++i) {
    AdamWElement(factors, ToFloat(grad[i]), weight[i], exp_avg[i],
                 exp_avg_sq[i]);
  }
}

}  // namespace

void AdamWUpdate(const AdamWFactors& factors, const AdamWRange& range,
                 const float* grad) {
  UpdateRange(factors, range, grad);
}

void AdamWUpdate(const AdamWFactors& factors, const AdamWRange& range,
                 const uint16_t* bf16_grad) {
  UpdateRange(factors, range, bf16_grad);
}

}  // namespace atelier::trainer
