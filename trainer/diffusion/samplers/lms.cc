#include "trainer/diffusion/samplers/lms.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {
namespace {

constexpr size_t kOrder = 4;

// The integral, from level `step` to the next, of the Lagrange polynomial that
// is 1 at `step - which` and 0 at the other `order - 1` of the last levels.
// Exact: two points of Gauss and Legendre suffice for a cubic.
double LmsCoefficient(const std::vector<double>& sigmas, size_t step,
                      size_t order, size_t which) {
  const auto polynomial = [&](double at) {
    double product = 1;
    for (size_t k = 0; k < order; ++k) {
      if (k == which) continue;
      product *=
          (at - sigmas[step - k]) / (sigmas[step - which] - sigmas[step - k]);
    }
    return product;
  };
  const double half = (sigmas[step + 1] - sigmas[step]) / 2;
  const double middle = sigmas[step] + half;
  const double reach = half / std::sqrt(3.0);
  return half * (polynomial(middle - reach) + polynomial(middle + reach));
}

}  // namespace

Tensor LmsSample(const SamplerOptions& options, const SamplerPlan& plan,
                 const Tensor& x, const SamplerCalls& calls) {
  Tensor latents = x;
  std::deque<Tensor> slopes;  // the newest first
  for (size_t i = 0; i < plan.timesteps.size(); ++i) {
    const double sigma = plan.sigmas[i];
    const Tensor original =
        DenoisedAt(options, calls, latents, sigma, plan.timesteps[i]);
    slopes.push_front((latents - original) / sigma);
    if (slopes.size() > kOrder) slopes.pop_back();
    for (size_t k = 0; k < slopes.size(); ++k) {
      latents = latents +
                slopes[k] * LmsCoefficient(plan.sigmas, i, slopes.size(), k);
    }
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
