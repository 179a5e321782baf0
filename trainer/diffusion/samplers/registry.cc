#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "trainer/diffusion/samplers/ddim.h"
#include "trainer/diffusion/samplers/dpm2.h"
#include "trainer/diffusion/samplers/dpm_levels.h"
#include "trainer/diffusion/samplers/dpm_solver_2m.h"
#include "trainer/diffusion/samplers/dpmpp_2m.h"
#include "trainer/diffusion/samplers/dpmpp_2s.h"
#include "trainer/diffusion/samplers/euler.h"
#include "trainer/diffusion/samplers/euler_ancestral.h"
#include "trainer/diffusion/samplers/flow_euler.h"
#include "trainer/diffusion/samplers/heun.h"
#include "trainer/diffusion/samplers/lms.h"
#include "trainer/diffusion/samplers/pndm.h"
#include "trainer/diffusion/samplers/sampler.h"
#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {
namespace {

constexpr Sampler kSamplers[] = {
    {"ddim", false, DdimPlan, DdimSample},
    {"pndm", false, DdimPlan, PndmSample},
    {"lms", false, EulerPlan, LmsSample},
    {"k_lms", false, EulerPlan, LmsSample},
    {"euler", false, EulerPlan, EulerSample},
    {"k_euler", false, EulerPlan, EulerSample},
    {"euler_a", false, EulerPlan, EulerAncestralSample},
    {"k_euler_a", false, EulerPlan, EulerAncestralSample},
    {"heun", false, EulerPlan, HeunSample},
    {"dpm_2", false, EulerPlan, Dpm2Sample},
    {"k_dpm_2", false, EulerPlan, Dpm2Sample},
    {"dpm_2_a", false, EulerPlan, Dpm2AncestralSample},
    {"k_dpm_2_a", false, EulerPlan, Dpm2AncestralSample},
    {"dpmsolver", false, DpmPlanToLowestSigma, DpmSolver2mSample},
    {"dpmsolver++", false, DpmPlan, Dpmpp2mSample},
    {"dpmsingle", false, DpmPlan, Dpmpp2sSample},
    {"euler", true, FlowEulerPlan, FlowEulerSample},
};

}  // namespace

absl::Span<const Sampler> AllSamplers() { return kSamplers; }

absl::StatusOr<const Sampler*> FindSampler(std::string_view name,
                                           bool is_flow) {
  std::vector<std::string> names;
  for (const Sampler& sampler : kSamplers) {
    if (sampler.is_flow != is_flow) continue;
    if (sampler.name == name) return &sampler;
    names.emplace_back(sampler.name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "sampler '", std::string(name), "' is not known here, allowed are ",
      absl::StrJoin(names, ", ")));
}

}  // namespace atelier::trainer
