#include "trainer/diffusion/samplers/pndm.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "trainer/diffusion/prediction.h"
#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {
namespace {

constexpr size_t kRungeKuttaSteps = 3;

// One run: the outputs that the multistep looks back on.
class PndmRun {
 public:
  PndmRun(const SamplerOptions& options, const SamplerPlan& plan,
          const SamplerCalls& calls)
      : options_(options),
        plan_(plan),
        calls_(calls),
        table_(AlphasCumprod(options.schedule)),
        half_stride_(kTrainTimesteps / options.steps / 2) {}

  Tensor Step(const Tensor& x, size_t i) {
    const double here = plan_.timesteps[i];
    const bool is_last = i + 1 == plan_.timesteps.size();
    const double next = is_last ? -1 : plan_.timesteps[i + 1];
    const Tensor output = calls_.predict(x, here);
    if (plan_.timesteps.size() <= kRungeKuttaSteps) {
      return Moved(x, output, here, next);
    }
    outputs_.push_front(output);
    if (i < kRungeKuttaSteps) return RungeKutta(x, output, here, next);
    if (outputs_.size() > 4) outputs_.pop_back();
    return Moved(x,
                 (55 * outputs_[0] - 59 * outputs_[1] + 37 * outputs_[2] -
                  9 * outputs_[3]) /
                     24,
                 here, next);
  }

 private:
  double AlphaAt(double timestep) const {
    if (timestep < 0) return options_.set_alpha_to_one ? 1 : table_.front();
    return std::max(table_.at(static_cast<size_t>(timestep)), kSmallestAlpha);
  }

  // From timestep `from` to `to` by an output for x. Equation 11 of the source.
  Tensor Moved(const Tensor& x, const Tensor& output, double from,
               double to) const {
    const double a = AlphaAt(from);
    const double next_a = AlphaAt(to);
    const Tensor noise = NoiseOf(options_.prediction_type, output, x,
                                 std::sqrt(a), std::sqrt(1 - a));
    const double divisor =
        a * std::sqrt(1 - next_a) + std::sqrt(a * (1 - a) * next_a);
    return x * std::sqrt(next_a / a) - noise * ((next_a - a) / divisor);
  }

  Tensor RungeKutta(const Tensor& x, const Tensor& first, double here,
                    double next) const {
    const double middle = next + half_stride_;
    const Tensor second =
        calls_.predict(Moved(x, first, here, here - half_stride_), middle);
    const Tensor third = calls_.predict(Moved(x, second, here, middle), middle);
    const Tensor fourth = calls_.predict(Moved(x, third, here, next), next);
    return Moved(x, (first + 2 * second + 2 * third + fourth) / 6, here, next);
  }

  const SamplerOptions& options_;
  const SamplerPlan& plan_;
  const SamplerCalls& calls_;
  std::vector<double> table_;
  double half_stride_;
  std::deque<Tensor> outputs_;  // of the steps, the newest first
};

}  // namespace

Tensor PndmSample(const SamplerOptions& options, const SamplerPlan& plan,
                  const Tensor& x, const SamplerCalls& calls) {
  PndmRun run(options, plan, calls);
  Tensor latents = x;
  for (size_t i = 0; i < plan.timesteps.size(); ++i) {
    latents = run.Step(latents, i);
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
