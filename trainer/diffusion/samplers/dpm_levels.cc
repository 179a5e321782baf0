#include "trainer/diffusion/samplers/dpm_levels.h"

#include <cmath>

#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {
namespace {

// Whole timesteps. Linspace and leading divide the schedule into one part more
// than there are steps and leave the last out.
std::vector<double> DpmTimesteps(const SamplerOptions& options) {
  if (options.spacing == TimestepSpacing::kTrailing) {
    return SpacedTimesteps(options);
  }
  SamplerOptions one_more = options;
  one_more.steps = options.steps + 1;
  std::vector<double> timesteps = SpacedTimesteps(one_more);
  timesteps.pop_back();
  return Rounded(std::move(timesteps));
}

}  // namespace

DpmLevel::DpmLevel(double relative_sigma)
    : alpha(1 / std::sqrt(relative_sigma * relative_sigma + 1)),
      sigma(relative_sigma * alpha),
      lambda(-std::log(relative_sigma)) {}

SamplerPlan DpmPlan(const SamplerOptions& options) {
  const std::vector<double> table = SigmaTable(options.schedule);
  SamplerPlan plan;
  if (options.karras_sigmas) {
    plan.sigmas = KarrasSigmas(table.back(), table.front(), options.steps);
    plan.timesteps = Rounded(TimestepsOfSigmas(table, plan.sigmas));
  } else {
    plan.timesteps = DpmTimesteps(options);
    plan.sigmas = SigmasAt(table, plan.timesteps);
  }
  plan.sigmas.push_back(0);
  return plan;
}

SamplerPlan DpmPlanToLowestSigma(const SamplerOptions& options) {
  SamplerPlan plan = DpmPlan(options);
  plan.sigmas.back() = SigmaTable(options.schedule).front();
  return plan;
}

}  // namespace atelier::trainer
