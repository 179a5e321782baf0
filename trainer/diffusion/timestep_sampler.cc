#include "trainer/diffusion/timestep_sampler.h"

#include <algorithm>

#include "trainer/diffusion/noise_schedule.h"

namespace atelier::trainer {

Tensor TimestepsFrom(const Tensor& uniform, const DiffusionOptions& options) {
  const int64_t last = kTrainTimesteps - 1;
  const int64_t low = std::max<int64_t>(options.min_timestep, 0);
  const int64_t high = std::min(options.max_timestep, kTrainTimesteps);
  if (low >= high) {
    return torch::full_like(uniform, std::clamp<int64_t>(high, 0, last),
                            torch::kInt64);
  }
  const Tensor drawn =
      (uniform.to(torch::kFloat64) * (high - low)).floor().to(torch::kInt64);
  return (drawn + low).clamp(low, high - 1);
}

}  // namespace atelier::trainer
