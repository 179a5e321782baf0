#include "trainer/diffusion/samplers/timesteps.h"

#include <algorithm>
#include <cmath>

#include "trainer/diffusion/prediction.h"

namespace atelier::trainer {
namespace {

// i steps of `stride` down from `first`.
std::vector<double> Descending(double first, double stride, int64_t count) {
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(first - stride * i);
  return values;
}

double TimestepOfSigma(const std::vector<double>& table, double sigma) {
  const auto above = std::upper_bound(table.begin(), table.end(), sigma);
  const auto high = std::clamp(above, table.begin() + 1, table.end() - 1);
  const double low_log = std::log(*(high - 1));
  const double high_log = std::log(*high);
  const double weight = (std::log(sigma) - low_log) / (high_log - low_log);
  return static_cast<double>(high - 1 - table.begin()) +
         std::clamp(weight, 0.0, 1.0);
}

}  // namespace

std::vector<double> AlphasCumprod(const NoiseSchedule& schedule) {
  const Tensor values =
      schedule.alphas_cumprod.to(torch::kCPU, torch::kFloat64).contiguous();
  const double* data = values.data_ptr<double>();
  return {data, data + values.numel()};
}

std::vector<double> SigmaTable(const NoiseSchedule& schedule) {
  std::vector<double> table = AlphasCumprod(schedule);
  for (double& a : table) {
    a = std::max(a, kSmallestAlpha);
    a = std::sqrt((1 - a) / a);
  }
  return table;
}

std::vector<double> SpacedTimesteps(const SamplerOptions& options) {
  const int64_t steps = options.steps;
  const double total = kTrainTimesteps;
  switch (options.spacing) {
    case TimestepSpacing::kLeading: {
      const int64_t stride = kTrainTimesteps / steps;
      return Descending(stride * (steps - 1) + options.steps_offset, stride,
                        steps);
    }
    case TimestepSpacing::kTrailing: {
      std::vector<double> values =
          Rounded(Descending(total, total / steps, steps));
      for (double& value : values) value -= 1;
      return values;
    }
    case TimestepSpacing::kLinspace:
      break;
  }
  // A single step of NumPy's linspace stands at its beginning, timestep 0.
  const double first = steps > 1 ? total - 1 : 0;
  return Descending(first, steps > 1 ? first / (steps - 1) : 0, steps);
}

std::vector<double> Rounded(std::vector<double> values) {
  for (double& value : values) value = std::nearbyint(value);
  return values;
}

std::vector<double> SigmasAt(const std::vector<double>& table,
                             const std::vector<double>& timesteps) {
  std::vector<double> sigmas;
  const double last = static_cast<double>(table.size() - 1);
  for (const double timestep : timesteps) {
    const double place = std::clamp(timestep, 0.0, last);
    const auto low = static_cast<size_t>(place);
    const size_t high = std::min(low + 1, table.size() - 1);
    const double weight = place - static_cast<double>(low);
    sigmas.push_back(table[low] + weight * (table[high] - table[low]));
  }
  return sigmas;
}

std::vector<double> KarrasSigmas(double largest, double smallest,
                                 int64_t count) {
  constexpr double kRho = 7;
  const double from = std::pow(largest, 1 / kRho);
  const double to = std::pow(smallest, 1 / kRho);
  std::vector<double> sigmas;
  for (int64_t i = 0; i < count; ++i) {
    const double ramp = count > 1 ? static_cast<double>(i) / (count - 1) : 0;
    sigmas.push_back(std::pow(from + ramp * (to - from), kRho));
  }
  return sigmas;
}

std::vector<double> TimestepsOfSigmas(const std::vector<double>& table,
                                      const std::vector<double>& sigmas) {
  std::vector<double> timesteps;
  for (const double sigma : sigmas) {
    timesteps.push_back(TimestepOfSigma(table, sigma));
  }
  return timesteps;
}

SamplerPlan EulerPlan(const SamplerOptions& options) {
  const std::vector<double> table = SigmaTable(options.schedule);
  SamplerPlan plan;
  plan.timesteps = SpacedTimesteps(options);
  plan.sigmas = SigmasAt(table, plan.timesteps);
  if (options.karras_sigmas) {
    plan.sigmas =
        KarrasSigmas(plan.sigmas.front(), plan.sigmas.back(), options.steps);
    plan.timesteps = TimestepsOfSigmas(table, plan.sigmas);
  }
  const double largest = plan.sigmas.front();
  plan.initial_scale = options.spacing == TimestepSpacing::kLeading
                           ? std::sqrt(largest * largest + 1)
                           : largest;
  plan.sigmas.push_back(0);
  return plan;
}

AncestralLevels SplitAncestral(double from, double to) {
  const double up =
      std::sqrt(to * to * (from * from - to * to) / (from * from));
  return {std::sqrt(to * to - up * up), up};
}

Tensor DenoisedAt(const SamplerOptions& options, const SamplerCalls& calls,
                  const Tensor& x, double sigma, double timestep) {
  const double alpha = 1 / std::sqrt(sigma * sigma + 1);
  const Tensor scaled = x * alpha;  // variance as the denoiser was trained on
  const Tensor output = calls.predict(scaled, timestep);
  return OriginalOf(options.prediction_type, output, scaled, alpha,
                    sigma * alpha);
}

}  // namespace atelier::trainer
