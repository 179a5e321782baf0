// What every sampler promises.
#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "trainer/diffusion/prediction.h"
#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer::samplers_test {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string sampler;
  PredictionType prediction_type;
  int64_t steps;
};

// A denoiser that knows the one picture there is: whatever noise it sees, it
// says how far that is from the picture.
class KnowsThePicture {
 public:
  KnowsThePicture(Tensor picture, const SamplerOptions& options, bool is_flow)
      : picture_(std::move(picture)), options_(options), is_flow_(is_flow) {}

  Tensor operator()(const Tensor& x, double timestep) const {
    if (is_flow_) {
      const double sigma = timestep / kTrainTimesteps;
      return (x - picture_) / sigma;
    }
    const double a = AlphaAt(timestep);
    const double alpha = std::sqrt(a);
    const double sigma = std::sqrt(1 - a);
    const Tensor noise = (x - alpha * picture_) / sigma;
    if (options_.prediction_type == PredictionType::kEpsilon) return noise;
    return alpha * noise - sigma * picture_;
  }

 private:
  // Through sigma, which the samplers interpolate.
  double AlphaAt(double timestep) const {
    const Tensor table = ((1 - options_.schedule.alphas_cumprod) /
                          options_.schedule.alphas_cumprod)
                             .sqrt()
                             .to(torch::kFloat64);
    const auto low = static_cast<int64_t>(timestep);
    const int64_t high = std::min(low + 1, kTrainTimesteps - 1);
    const double from = table[low].item<double>();
    const double to = table[high].item<double>();
    const double sigma = from + (timestep - low) * (to - from);
    return 1 / (sigma * sigma + 1);
  }

  Tensor picture_;
  const SamplerOptions& options_;
  bool is_flow_;
};

class SamplerTest : public ::testing::TestWithParam<Case> {};

TEST_P(SamplerTest, EndsAtThePictureThatTheDenoiserKnows) {
  torch::manual_seed(1);
  const auto is_name = [](const Sampler& row) {
    return row.name == GetParam().sampler;
  };
  const Sampler& sampler =
      *std::find_if(AllSamplers().begin(), AllSamplers().end(), is_name);
  SamplerOptions options;
  options.steps = GetParam().steps;
  options.prediction_type = GetParam().prediction_type;
  options.schedule = MakeNoiseSchedule(false);
  options.set_alpha_to_one = true;
  const Tensor picture = torch::randn({1, 4, 2, 3});
  SamplerCalls calls;
  calls.predict = KnowsThePicture(picture, options, sampler.is_flow);
  calls.noise = [&](int64_t) { return torch::randn_like(picture); };
  const SamplerPlan plan = sampler.plan(options);
  EXPECT_EQ(plan.timesteps.size(), static_cast<size_t>(options.steps));
  const Tensor start = torch::randn_like(picture) * plan.initial_scale;
  const Tensor result = sampler.sample(options, plan, start, calls);
  // What is left of the noise where the last level still has some.
  const double last = plan.sigmas.empty() ? 0 : plan.sigmas.back();
  const double left = 5 * last;  // normal draws stay below 5
  // Velocities change along the way to a picture, so that steps which combine
  // those of several places, as pndm's do, are near it only.
  const bool combines = sampler.name == "pndm" &&
                        options.prediction_type == PredictionType::kVelocity;
  const double near = (combines ? 2e-2 : 1e-3) + left;
  EXPECT_TRUE(result.allclose(picture, 1e-3, near)) << result - picture;
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const Sampler& sampler : AllSamplers()) {
    for (const int64_t steps : {1, 2, 20}) {
      for (const PredictionType type :
           {PredictionType::kEpsilon, PredictionType::kVelocity}) {
        cases.push_back({std::string(sampler.name), type, steps});
      }
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, SamplerTest, ::testing::ValuesIn(Cases()));

TEST(FindSamplerTest, FlowSamplersAreForFlowModels) {
  EXPECT_TRUE(FindSampler("euler", true).ok());
  EXPECT_TRUE(FindSampler("ddim", false).ok());
  EXPECT_FALSE(FindSampler("ddim", true).ok());
  EXPECT_THAT(std::string(FindSampler("dim", false).status().message()),
              HasSubstr("allowed are ddim, pndm, lms"));
}

}  // namespace
}  // namespace atelier::trainer::samplers_test
